#include "frontends/postgres/dump_reader.h"

#include <algorithm>

#include "engine/tree/directory_reader.h"
#include "engine/tree/list_reader.h"
#include "repo-format/base/units.h"
#include "repo-format/tree_path.h"

namespace cairn::postgres {
namespace {

constexpr uint64_t kWholeBytesMax = 256 * kMiB;  // of what is read into memory
constexpr size_t kZerosBytes = 64 * kKiB;

Result<Node> FindFile(BlobSource& blobs, const BlobId& root, const std::string& file) {
  ASSIGN_OR_RETURN(const auto node, FindPath(blobs, root, AsBytes(file)));
  if (!node || !node->content) return MakeError(ErrorCode::kNotFound, "the dump has no file {}", file);
  return *node;
}

}  // namespace

Result<DatabaseDescription> DumpReader::Description() {
  ASSIGN_OR_RETURN(const Bytes text, Read(kDescriptionFile));
  return DatabaseDescription::Parse(text);
}

Result<Bytes> DumpReader::Read(const std::string& file) {
  ASSIGN_OR_RETURN(const uint64_t size, Size(file));
  if (size > kWholeBytesMax) return Corrupt("{} has {} bytes, at most {} are read", file, size, kWholeBytesMax);
  Bytes all;
  RETURN_IF_ERROR(Stream(file, [&](ByteSpan bytes) -> Result<void> {
    Append(all, bytes);
    return {};
  }));
  return all;
}

Result<uint64_t> DumpReader::Size(const std::string& file) {
  ASSIGN_OR_RETURN(const Node node, FindFile(blobs_, root_, file));
  return node.size;
}

Result<Content> DumpReader::BlobsOf(const std::string& file) {
  ASSIGN_OR_RETURN(const Node node, FindFile(blobs_, root_, file));
  return *node.content;
}

Result<void> DumpReader::Stream(const std::string& file, const Each& each) {
  ASSIGN_OR_RETURN(const Node node, FindFile(blobs_, root_, file));
  return ForEachEntry(blobs_, *node.content, 0, UINT64_MAX,
                      [&](uint64_t, const ListEntry& entry) -> Result<void> {
                        if (stop_.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
                        if (entry.type == ListEntry::Type::kHole) {
                          const Bytes zeros(std::min<uint64_t>(entry.length, kZerosBytes), 0);
                          for (uint64_t left = entry.length; left > 0;) {
                            const uint64_t part = std::min<uint64_t>(left, zeros.size());
                            RETURN_IF_ERROR(each(ByteSpan(zeros).first(part)));
                            left -= part;
                          }
                          return {};
                        }
                        ASSIGN_OR_RETURN(const auto blob, blobs_.ReadBlob(BlobKind::kData, entry.id));
                        for (uint64_t i = 0; i < entry.count; ++i) RETURN_IF_ERROR(each(*blob));
                        return {};
                      })
      .While(file);
}

}  // namespace cairn::postgres
