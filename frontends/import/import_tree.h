// Folders and files of an item that is imported. Private to frontends/import.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "engine/source/source.h"
#include "frontends/import/byte_stream.h"

namespace cairn::import {

struct TreeEntry;
using TreeEntryPtr = std::shared_ptr<TreeEntry>;

// Filled by one thread, then only read.
struct TreeEntry {
  SourceEntry entry;
  SourceMetadata metadata;
  std::map<Bytes, TreeEntryPtr> children;  // of a folder; ascending by name
  // Of a file: asked once for each reading.
  std::function<Result<std::unique_ptr<ByteStream>>()> open;
};

TreeEntryPtr NewFolder(ByteSpan name, const WireTime& modified);
TreeEntryPtr NewFile(ByteSpan name, const WireTime& modified);

}  // namespace cairn::import
