#include "engine/pack/pack_reader.h"

#include "engine/codec/frame_codec.h"
#include "engine/crypto/hash.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

ObjectKind KindOfPack(BlobKind kind) {
  return kind == BlobKind::kData ? ObjectKind::kDataPack : ObjectKind::kMetadataPack;
}

std::string What(const PackName& pack) { return fmt::format("pack {}", pack.ToString()); }

// The length of the directory, once it is known that it can be one.
Result<uint64_t> DirectoryLength(ByteSpan header_bytes, uint64_t size, const std::string& what) {
  ASSIGN_OR_RETURN(const ObjectHeader header, ObjectHeader::Parse(header_bytes).While(what));
  const uint64_t length = header.body_length;
  if (length > limits::kDirectoryBytesMax) {
    return Corrupt("{}: directory is {} bytes, at most {} are allowed", what, length, limits::kDirectoryBytesMax);
  }
  if (size < ObjectHeader::kSize + length) {
    return Corrupt("{}: directory is {} bytes, and the whole object is {}", what, length, size);
  }
  return length;
}

Result<void> CheckSize(uint64_t size, const std::string& what) {
  if (size < ObjectHeader::kSize) {
    return Corrupt("{}: object is {} bytes, its header alone is {}", what, size, ObjectHeader::kSize);
  }
  if (size > limits::kPackBytesMax) {
    return Corrupt("{}: object is {} bytes, at most {} are allowed", what, size, limits::kPackBytesMax);
  }
  return {};
}

Result<OpenedDirectory> OpenDirectory(const ObjectSealer& sealer, BlobKind kind, const std::string& what,
                                      ByteSpan header, ByteSpan sealed, uint64_t size) {
  ASSIGN_OR_RETURN(const OpenedObject opened, sealer.Open(header, sealed, KindOfPack(kind), RawId{}, what));
  ASSIGN_OR_RETURN(PackDirectory directory, PackDirectory::Parse(opened.body).While(what));
  const uint64_t expected = ObjectHeader::kSize + directory.FrameBytes() + sealed.size();
  if (expected != size) {
    return Corrupt("{}: object is {} bytes, its header, frames and directory make {}", what, size, expected);
  }
  return OpenedDirectory{.directory = std::move(directory), .slot = opened.slot};
}

Result<void> CompareCheck(const FrameEntry& entry, const FrameCheck& check, uint64_t offset, const std::string& what) {
  if (check == entry.check) return {};
  return Corrupt("{}: frame of {} bytes at offset {} has check {}, expected {}", what, entry.sealed_length, offset,
                 ToHex(check), ToHex(entry.check));
}

// The directory of a whole pack, and the spans of its frames. Says nothing of the frames' bytes.
Result<OpenedDirectory> TakeApart(const ObjectSealer& sealer, BlobKind kind, const std::string& what, ByteSpan object,
                                  std::vector<ByteSpan>& frames) {
  RETURN_IF_ERROR(CheckSize(object.size(), what));
  const ByteSpan header = object.first(ObjectHeader::kSize);
  ASSIGN_OR_RETURN(const uint64_t length, DirectoryLength(header, object.size(), what));
  ASSIGN_OR_RETURN(OpenedDirectory opened,
                   OpenDirectory(sealer, kind, what, header, object.last(length), object.size()));
  uint64_t offset = ObjectHeader::kSize;
  for (const FrameEntry& entry : opened.directory.frames) {
    frames.push_back(object.subspan(offset, entry.sealed_length));
    offset += entry.sealed_length;
  }
  return opened;
}

}  // namespace

Result<OpenedDirectory> ReadDirectory(ObjectStore& store, const ObjectSealer& sealer, BlobKind kind,
                                      const PackName& pack, uint64_t size) {
  const std::string what = What(pack);
  const ObjectName name = PackObjectName(kind, pack);
  RETURN_IF_ERROR(CheckSize(size, what));
  ASSIGN_OR_RETURN(const Bytes header, store.GetRange(name, 0, ObjectHeader::kSize));
  ASSIGN_OR_RETURN(const uint64_t length, DirectoryLength(header, size, what));
  ASSIGN_OR_RETURN(const Bytes sealed, store.GetRange(name, size - length, length));
  return OpenDirectory(sealer, kind, what, header, sealed, size);
}

Result<OpenedDirectory> VerifyPack(const ObjectSealer& sealer, BlobKind kind, const PackName& pack, ByteSpan object) {
  const std::string what = What(pack);
  std::vector<ByteSpan> hashed = {object};
  auto opened = TakeApart(sealer, kind, what, object, hashed);
  // The whole, and beside it its frames.
  std::vector<Digest> digests(hashed.size());
  Sha256Each(hashed, digests);
  // First of all: bytes that rot must not look like a newer version's.
  if (digests[0] != pack.digest) return Corrupt("{}: SHA-256 is {}", what, digests[0].ToHex());
  RETURN_IF_ERROR(opened);
  uint64_t offset = ObjectHeader::kSize;
  for (size_t i = 0; i < opened->directory.frames.size(); ++i) {
    const FrameEntry& entry = opened->directory.frames[i];
    RETURN_IF_ERROR(CompareCheck(entry, CheckOfDigest(digests[i + 1]), offset, what));
    offset += entry.sealed_length;
  }
  return opened;
}

std::vector<uint64_t> FrameOffsets(const std::vector<FrameEntry>& frames) {
  std::vector<uint64_t> offsets;
  offsets.reserve(frames.size());
  uint64_t offset = ObjectHeader::kSize;
  for (const FrameEntry& entry : frames) {
    offsets.push_back(offset);
    offset += entry.sealed_length;
  }
  return offsets;
}

Result<void> VerifyFrame(const PackName& pack, uint64_t offset, const FrameEntry& entry, ByteSpan sealed) {
  return CompareCheck(entry, CheckOfFrame(sealed), offset, What(pack));
}

Result<Bytes> ReadFrame(ObjectStore& store, BlobKind kind, const PackName& pack, uint64_t offset,
                        const FrameEntry& entry) {
  ASSIGN_OR_RETURN(Bytes sealed, store.GetRange(PackObjectName(kind, pack), offset, entry.sealed_length));
  RETURN_IF_ERROR(VerifyFrame(pack, offset, entry, sealed));
  return sealed;
}

}  // namespace cairn
