// What other programs left: bytes that nobody vouches for.
#include "frontends/import/backup_format.h"
#include "frontends/import/backup_name.h"
#include "frontends/import/zip_metadata.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn;
  const ByteSpan bytes(data, size);
  const import::BackupFormat format = import::RecogniseFormat(bytes);
  IgnoreError(import::CheckEnd(format, AsText(bytes)), "any answer will do");
  IgnoreError(import::ZipMetadata::Parse(bytes), "any answer will do");
  const std::string path = "/" + ToString(bytes);
  const import::BackupName name = import::ReadBackupName(path);
  if (!name.series.empty()) CHECK(name.series.starts_with('/'));
  return 0;
}
