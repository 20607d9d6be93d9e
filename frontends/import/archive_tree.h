// What is in a tar archive or a zip file, as a tree. Private to frontends/import.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "frontends/import/compression.h"
#include "frontends/import/import_tree.h"
#include "frontends/import/spool.h"

namespace cairn::import {

struct ArchiveTree {
  TreeEntryPtr root;
  std::vector<std::string> notes;  // on what is not as the archive has it
};

// Reads all of it, each entry to its end and with its checksum where it has one; what is in files goes to `spool`,
// which the tree keeps. Names are only names: nothing is made by them. A leading slash and all up to the last ".." of a
// name are left out, as tar does; of two entries with one name the later counts. kCorrupt, kUnsupported name the entry.
// `limit` is for all that comes out of it: holes of a file count as the zeros that they are.
Result<ArchiveTree> ReadTar(ByteStream& archive, Spool& spool, const GrowthLimit& limit, const std::stop_token& stop);
Result<ArchiveTree> ReadZip(const SharedFd& file, Spool& spool, const GrowthLimit& limit, const std::stop_token& stop);

// The bytes of one file at the top of a zip, at most `size_max`; kNotFound where there is none.
Result<Bytes> ReadZipFile(const SharedFd& file, const std::string& name, size_t size_max);

}  // namespace cairn::import
