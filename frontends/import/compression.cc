#include "frontends/import/compression.h"

#include <archive.h>
#include <archive_entry.h>
#include <bzlib.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "repo-format/base/units.h"

namespace cairn::import {
namespace {

constexpr size_t kInputBytes = 128 * kKiB;
constexpr size_t kMagicBytes = 10;
constexpr size_t kLayersMax = 4;
constexpr uint64_t kGrowthFreeBytes = 64 * kMiB;

// libarchive reads gzip too, and passes over its checksum and length; zlib compares both.
class GzipStream : public ByteStream {
 public:
  explicit GzipStream(std::unique_ptr<ByteStream> inner) : inner_(std::move(inner)), input_(kInputBytes) {
    state_ = ::inflateInit2(&zlib_, 16 + MAX_WBITS);  // 16: gzip alone
  }
  ~GzipStream() override { ::inflateEnd(&zlib_); }

  Result<size_t> Read(MutableByteSpan target) override {
    if (state_ != Z_OK) return Error(ErrorCode::kIo, "zlib has no memory");
    const size_t size = std::min<size_t>(target.size(), std::numeric_limits<uInt>::max());
    zlib_.next_out = target.data();
    zlib_.avail_out = static_cast<uInt>(size);
    while (zlib_.avail_out == size && !is_at_end_) {
      if (zlib_.avail_in == 0) RETURN_IF_ERROR(Fill());
      if (is_between_) {
        RETURN_IF_ERROR(BeginMember());
        continue;
      }
      if (zlib_.avail_in == 0) return Corrupt("its gzip stream is cut short");
      const int code = ::inflate(&zlib_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        is_between_ = true;
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return Corrupt("its gzip stream is damaged: {}", zlib_.msg != nullptr ? zlib_.msg : "unknown");
      }
    }
    return size - zlib_.avail_out;
  }

 private:
  Result<void> Fill() {
    ASSIGN_OR_RETURN(const size_t got, inner_->Read(input_));
    zlib_.next_in = input_.data();
    zlib_.avail_in = static_cast<uInt>(got);
    return {};
  }
  // Behind a member: the end, another one, or the zeros with which tapes are filled up.
  Result<void> BeginMember() {
    if (zlib_.avail_in == 0) {
      is_at_end_ = true;
      return {};
    }
    if (*zlib_.next_in == 0) {
      is_padded_ = true;
      ++zlib_.next_in;
      --zlib_.avail_in;
      return {};
    }
    if (is_padded_ || *zlib_.next_in != 0x1f) return Corrupt("there are other bytes behind the end of its gzip stream");
    is_between_ = false;
    ::inflateReset(&zlib_);
    return {};
  }

  const std::unique_ptr<ByteStream> inner_;
  Bytes input_;
  z_stream zlib_{};
  int state_ = Z_OK;
  bool is_between_ = false, is_padded_ = false, is_at_end_ = false;
};

// libarchive takes what it does not know behind a stream for the end of all of them.
class Bzip2Stream : public ByteStream {
 public:
  explicit Bzip2Stream(std::unique_ptr<ByteStream> inner) : inner_(std::move(inner)), input_(kInputBytes) {
    state_ = ::BZ2_bzDecompressInit(&bzip2_, 0, 0);
  }
  ~Bzip2Stream() override { ::BZ2_bzDecompressEnd(&bzip2_); }

  Result<size_t> Read(MutableByteSpan target) override {
    if (state_ != BZ_OK) return Error(ErrorCode::kIo, "libbz2 has no memory");
    const size_t size = std::min<size_t>(target.size(), std::numeric_limits<unsigned>::max());
    bzip2_.next_out = reinterpret_cast<char*>(target.data());
    bzip2_.avail_out = static_cast<unsigned>(size);
    while (bzip2_.avail_out == size && !is_at_end_) {
      if (bzip2_.avail_in == 0) RETURN_IF_ERROR(Fill());
      if (is_between_) {
        RETURN_IF_ERROR(BeginStream());
        continue;
      }
      if (bzip2_.avail_in == 0) return Corrupt("its bzip2 stream is cut short");
      const int code = ::BZ2_bzDecompress(&bzip2_);
      if (code == BZ_STREAM_END) {
        is_between_ = true;
      } else if (code == BZ_DATA_ERROR_MAGIC && is_later_) {
        return Corrupt("there are other bytes behind the end of its bzip2 stream");
      } else if (code != BZ_OK) {
        return Corrupt("its bzip2 stream is damaged (libbz2: {})", code);
      }
    }
    return size - bzip2_.avail_out;
  }

 private:
  Result<void> Fill() {
    ASSIGN_OR_RETURN(const size_t got, inner_->Read(input_));
    bzip2_.next_in = reinterpret_cast<char*>(input_.data());
    bzip2_.avail_in = static_cast<unsigned>(got);
    return {};
  }
  // Behind a stream: the end, another one, or the zeros with which tapes are filled up.
  Result<void> BeginStream() {
    if (bzip2_.avail_in == 0) {
      is_at_end_ = true;
      return {};
    }
    if (*bzip2_.next_in == 0) {
      is_padded_ = true;
      ++bzip2_.next_in;
      --bzip2_.avail_in;
      return {};
    }
    if (is_padded_) return Corrupt("there are other bytes behind the end of its bzip2 stream");
    is_between_ = false;
    is_later_ = true;
    char* const next = bzip2_.next_in;
    const unsigned left = bzip2_.avail_in;
    ::BZ2_bzDecompressEnd(&bzip2_);
    bzip2_.next_in = next;
    bzip2_.avail_in = left;
    state_ = ::BZ2_bzDecompressInit(&bzip2_, 0, 0);
    if (state_ != BZ_OK) return Error(ErrorCode::kIo, "libbz2 has no memory");
    return {};
  }

  const std::unique_ptr<ByteStream> inner_;
  Bytes input_;
  bz_stream bzip2_{};
  int state_ = BZ_OK;
  bool is_between_ = false, is_later_ = false, is_padded_ = false, is_at_end_ = false;
};

class FilterStream : public ByteStream {
 public:
  using Support = int (*)(archive*);
  FilterStream(std::unique_ptr<ByteStream> inner, Support support, std::string name)
      : inner_(std::move(inner)), support_(support), name_(std::move(name)), input_(kInputBytes) {}
  ~FilterStream() override {
    if (archive_ != nullptr) ::archive_read_free(archive_);
  }

  Result<size_t> Read(MutableByteSpan target) override {
    if (archive_ == nullptr) RETURN_IF_ERROR(Open());
    const la_ssize_t got = ::archive_read_data(archive_, target.data(), target.size());
    if (got >= 0) return static_cast<size_t>(got);
    return Failure();
  }

 private:
  Result<void> Open() {
    archive_ = ::archive_read_new();
    if (archive_ == nullptr) return Error(ErrorCode::kIo, "libarchive has no memory");
    if (support_(archive_) != ARCHIVE_OK) {
      return MakeError(ErrorCode::kUnsupported, "this libarchive cannot read {}", name_);
    }
    ::archive_read_support_format_raw(archive_);
    archive_entry* entry = nullptr;
    if (::archive_read_open(archive_, this, nullptr, &FilterStream::Fill, nullptr) != ARCHIVE_OK) return Failure();
    if (::archive_read_next_header(archive_, &entry) != ARCHIVE_OK) return Failure();
    return {};
  }

  static la_ssize_t Fill(archive* reader, void* self, const void** bytes) {
    auto& stream = *static_cast<FilterStream*>(self);
    auto got = stream.inner_->Read(stream.input_);
    if (!got) {
      stream.error_ = got.error();
      ::archive_set_error(reader, EIO, "%s", got.error().message().c_str());
      return -1;
    }
    *bytes = stream.input_.data();
    return static_cast<la_ssize_t>(*got);
  }

  Error Failure() const {
    if (error_) return *error_;
    const char* said = ::archive_error_string(archive_);
    return Corrupt("its {} stream is damaged, or cut short: {}", name_, said != nullptr ? said : "it holds nothing");
  }

  const std::unique_ptr<ByteStream> inner_;
  const Support support_;
  const std::string name_;
  Bytes input_;
  archive* archive_ = nullptr;
  std::optional<Error> error_;  // of inner_
};

class LimitedStream : public ByteStream {
 public:
  LimitedStream(std::unique_ptr<ByteStream> inner, const GrowthLimit& limit)
      : inner_(std::move(inner)), limit_(limit) {}
  Result<size_t> Read(MutableByteSpan target) override {
    ASSIGN_OR_RETURN(const size_t got, inner_->Read(target));
    bytes_ += got;
    RETURN_IF_ERROR(limit_.Check(bytes_));
    return got;
  }

 private:
  const std::unique_ptr<ByteStream> inner_;
  const GrowthLimit limit_;
  uint64_t bytes_ = 0;
};

bool Begins(ByteSpan head, std::initializer_list<uint8_t> magic) {
  return head.size() >= magic.size() && std::equal(magic.begin(), magic.end(), head.begin());
}

// The stream, with a layer less; nullptr where `head` is of nothing compressed.
std::unique_ptr<ByteStream> Unwrap(std::unique_ptr<PeekStream>& stream, ByteSpan head, std::string& name) {
  if (Begins(head, {0x1f, 0x8b, 8})) {
    name = "gzip";
    return std::make_unique<GzipStream>(std::move(stream));
  }
  if (Begins(head, {'B', 'Z', 'h'}) && head.size() >= 10 && head[3] >= '1' && head[3] <= '9' &&
      (Begins(head.subspan(4), {0x31, 0x41, 0x59, 0x26, 0x53, 0x59}) ||
       Begins(head.subspan(4), {0x17, 0x72, 0x45, 0x38, 0x50, 0x90}))) {
    name = "bzip2";
    return std::make_unique<Bzip2Stream>(std::move(stream));
  }
  FilterStream::Support support = nullptr;
  if (Begins(head, {0x28, 0xb5, 0x2f, 0xfd})) {
    name = "zstd";
    support = &::archive_read_support_filter_zstd;
  } else if (Begins(head, {0xfd, '7', 'z', 'X', 'Z', 0})) {
    name = "xz";
    support = &::archive_read_support_filter_xz;
  }
  if (support == nullptr) return nullptr;
  return std::make_unique<FilterStream>(std::move(stream), support, name);
}

}  // namespace

Result<void> GrowthLimit::Check(uint64_t bytes) const {
  const uint64_t share = bytes / std::max<uint32_t>(ratio_max, 1);
  if (bytes <= kGrowthFreeBytes || share <= original_bytes) return {};
  return MakeError(ErrorCode::kUnsupported,
                   "more than {} times its {} bytes come out of it: if it is no bomb, raise that with --max-ratio",
                   ratio_max, original_bytes);
}

Result<Decompressed> Decompress(std::unique_ptr<ByteStream> original, const GrowthLimit& limit) {
  Decompressed result;
  result.stream = std::make_unique<PeekStream>(std::move(original));
  for (;;) {
    ASSIGN_OR_RETURN(const ByteSpan head, result.stream->Peek(Decompressed::kHeadBytes));
    std::string name;
    if (result.layers.size() == kLayersMax) {
      result.head = ToBytes(head);
      return result;
    }
    const Bytes magic = ToBytes(head.first(std::min(head.size(), kMagicBytes)));
    auto inner = Unwrap(result.stream, magic, name);
    if (inner == nullptr) {
      result.head = ToBytes(head);
      return result;
    }
    result.layers.push_back(name);
    result.stream = std::make_unique<PeekStream>(std::make_unique<LimitedStream>(std::move(inner), limit));
  }
}

}  // namespace cairn::import
