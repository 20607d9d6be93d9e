// A SQLite database as a Source.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/env/clock.h"
#include "engine/source/source.h"
#include "repo-format/sqlite_parameters.h"

namespace cairn {
namespace sqlite {
class PageStream;
}

struct SqliteSourceOptions {
  std::string file;
  std::string item;               // its name in the snapshot
  uint32_t lock_patience_s = 60;  // how long another program may keep the database locked
  SqliteParameters part;          // where it is one: tables are copied to a database of its own first (MakePart)
};

// One item with one file: the database in the state in which it was when the reading began, page by page, whatever
// others write meanwhile (PageStream). It is always read. Where it could not be read to its end Finish is an Error, and
// there shall be no snapshot. While its file is open, this process must close no other descriptor of the database.
class SqliteSource : public Source {
 public:
  // kNotFound, kPermission, kInvalidArgument name the file. `clock` outlives the source.
  static Result<std::unique_ptr<SqliteSource>> Make(SqliteSourceOptions options, const Clock& clock,
                                                    std::stop_token stop);
  // Of a database that this process has open. `open` begins the reading, `at_end` is what Finish ends with when all was
  // read; either may be called again, when a backup begins anew.
  struct Opened {
    uint32_t page_bytes = 0;
    std::function<Result<std::unique_ptr<sqlite::PageStream>>()> open;
    std::function<Result<void>()> at_end;
  };
  static std::unique_ptr<SqliteSource> MakeOf(SqliteSourceOptions options, Opened opened, const Clock& clock,
                                              std::stop_token stop);
  ~SqliteSource() override;

  ItemKind kind() const override { return ItemKind::kSqlite; }
  SourceKind chunking() const override { return SourceKind::kPages; }
  uint32_t page_bytes() const override;
  std::string name() const override;
  std::vector<Bytes> paths() const override;
  Result<std::shared_ptr<SourceFolder>> OpenRoot(FindingSink findings) override;
  Result<SourceEntry> RootEntry() override;
  Result<void> Finish() override;
  std::optional<Bytes> parameters() const override;

 private:
  struct Shared;
  class Folder;
  class File;
  explicit SqliteSource(std::shared_ptr<Shared> shared);

  std::shared_ptr<Shared> shared_;  // with folder and file
};

}  // namespace cairn
