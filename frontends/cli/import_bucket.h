// Backups that other programs have put into a bucket.
#pragma once

#include <string>
#include <vector>

#include "engine/stores/bucket.h"
#include "frontends/cli/cli.h"
#include "frontends/import/original.h"

namespace cairn {

struct BucketFile {
  BucketObject object;
  std::string path;      // "s3:https://host/bucket/key"
  WireTime modified;     // by the bucket's clock
  WireTime expected;     // when it was made, by its name, else by the bucket's clock
  bool has_log = false;  // beside it lies the log or the journal of a database
};

// With the settings and the credentials of a store (-o). Borrows `cli`.
Result<std::unique_ptr<Bucket>> OpenBucketAt(Cli& cli, const std::string& address);

// Oldest first; nothing is fetched. What only marks a folder, and what belongs to a database beside it, is left out.
// kUnsupported where there are more than a million.
Result<std::vector<BucketFile>> FilesOfBucket(Bucket& bucket, const Clock& clock);

// Its bytes, in a file of this run alone.
Result<std::shared_ptr<const import::Original>> FetchFile(Bucket& bucket, const BucketFile& file);

}  // namespace cairn
