// The two ends that trees need of a repository: where blobs go, and where they come from.
#pragma once

#include <memory>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"
#include "repo-format/ids.h"

namespace cairn {

// Safe for concurrent use.
class BlobSink {
 public:
  virtual ~BlobSink() = default;
  // Stores a blob where it is not there already, and tells its id. The bytes are copied or written before it returns.
  virtual Result<BlobId> AddBlob(BlobKind kind, ByteSpan plain) = 0;
  // HMAC(metadata id key, label || parts): cuts of directories, link groups.
  virtual Digest MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const = 0;
};

// The plaintext of a blob inside something larger, which stays in memory as long as `owner`.
struct BlobView {
  std::shared_ptr<const Bytes> owner;
  ByteSpan bytes;
};

// Safe for concurrent use.
class BlobSource {
 public:
  virtual ~BlobSource() = default;
  // The plaintext of a blob, its id verified. kNotFound where no pack has it, kCorrupt where no location gives it.
  virtual Result<std::shared_ptr<const Bytes>> ReadBlob(BlobKind kind, const BlobId& id) = 0;
  // The same without a copy of it, for who uses a part of it at once.
  virtual Result<BlobView> ViewBlob(BlobKind kind, const BlobId& id) {
    ASSIGN_OR_RETURN(auto blob, ReadBlob(kind, id));
    const ByteSpan bytes = *blob;
    return BlobView{std::move(blob), bytes};
  }
  virtual Digest MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const = 0;
};

}  // namespace cairn
