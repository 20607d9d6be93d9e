// `restore --postgres` where no database can be made beside the one in use: that is changed in one transaction.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "frontends/cli/command.h"
#include "frontends/cli/set_restore.h"
#include "frontends/postgres/in_place_restore.h"

namespace cairn {

// A line of a plan.
std::string TimeText(double seconds);

struct InPlaceSetOptions {
  postgres::InPlaceOptions in_place;
  std::string why;  // and not beside
  // Of what is there, once it is locked; nothing: no safety snapshot is taken.
  std::function<Result<SnapshotId>(const std::string& run)> back_up;
};

// A whole database, of the dump whose root is `root`. Cannot be put back once it is committed: to be the only one, or
// the first. Borrows all.
std::unique_ptr<SetRestore> MakeInPlaceSet(Cli& cli, BlobSource& blobs, const BlobId& root, InPlaceSetOptions options);

}  // namespace cairn
