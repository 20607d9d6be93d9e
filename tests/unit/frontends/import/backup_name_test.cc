#include "frontends/import/backup_name.h"

#include <gtest/gtest.h>

namespace cairn::import {
namespace {

struct Case {
  const char *path, *time, *series;
};

TEST(BackupName, SaysTimeAndSeries) {
  const Case kCases[] = {
      {"/nas/shop_20260102_030405.sql.gz", "2026-01-02T03:04:05", "/nas/shop.sql"},
      {"/nas/shop_2026-01-02T03-04-05.sql", "2026-01-02T03:04:05", "/nas/shop.sql"},
      {"/nas/shop-2026-01-02T03-04-05-678Z.dump.zst", "2026-01-02T03:04:05Z", "/nas/shop.dump"},
      {"/nas/shop_202601020304.sql", "2026-01-02T03:04:00", "/nas/shop.sql"},
      {"/nas/20260102_shop.tgz", "2026-01-02", "/nas/shop.tar"},
      {"/nas/20260102.sql", "2026-01-02", "/nas/backup.sql"},
      {"/nas/20260102/shop.db", "2026-01-02", "/nas/shop.db"},
      {"/nas/20260102/shop_20260103.db", "2026-01-03", "/nas/shop.db"},
      {"/nas/disk-20200101/shop.db", "", "/nas/disk-20200101/shop.db"},
      {"/nas/shop_20260102_1.db", "2026-01-02", "/nas/shop_1.db"},
      {"/nas/shop_20260230.db", "", "/nas/shop_20260230.db"},
      {"/nas/shop_120260102.db", "", "/nas/shop_120260102.db"},
      {"/nas/shop_202601021.db", "", "/nas/shop_202601021.db"},
      {"/nas/.gz", "", "/nas/.gz"},
      {"/nas/..gz", "", "/nas/..gz"},
      {"/nas/a.gz", "", "/nas/a"},
      {"/nas/.a.sql.gz.xz", "", "/nas/.a.sql"},
  };
  for (const Case& one : kCases) {
    const BackupName name = ReadBackupName(one.path);
    EXPECT_EQ(name.time.value_or(""), one.time) << one.path;
    EXPECT_EQ(name.series, one.series) << one.path;
  }
}

}  // namespace
}  // namespace cairn::import
