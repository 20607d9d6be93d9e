#include "bench/made_index.h"

#include <cstring>
#include <filesystem>
#include <random>
#include <utility>

#include "bench/owner.h"

namespace cairn::bench {
namespace {

template <class IdType>
IdType IdOf(uint64_t n) {
  std::mt19937_64 random(n);
  IdType id;
  for (uint8_t& byte : id.mutable_bytes()) byte = static_cast<uint8_t>(random() >> 32);
  return id;
}

IndexSegment SegmentOf(uint64_t n) {
  IndexSegment segment;
  segment.sessions.push_back({.session = IdOf<SessionId>(n), .epoch = 1, .content = Envelope{.sealed = Bytes(80, 0)}});
  for (uint64_t p = n * kPacksPerSegment; p < (n + 1) * kPacksPerSegment; ++p) segment.packs.push_back(PackOf(p));
  return segment;
}

}  // namespace

BlobId BlobOf(uint64_t n) {
  BlobId id;
  uint64_t state = n * 4;
  for (size_t i = 0; i < 4; ++i) {
    uint64_t word = ++state * 0x9e3779b97f4a7c15;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    word ^= word >> 31;
    std::memcpy(id.mutable_bytes().data() + i * 8, &word, 8);
  }
  return id;
}

SegmentPack PackOf(uint64_t n) {
  SegmentPack pack{.name = {.digest = IdOf<Digest>(n)}, .size = 16'000'000};
  pack.frames.resize(kFramesPerPack);
  for (uint64_t f = 0; f < kFramesPerPack; ++f) {
    FrameEntry& frame = pack.frames[f];
    frame.sealed_length = 700'000;
    frame.plain_length = kBlobsPerFrame * kBlobLength;
    for (uint64_t b = 0; b < kBlobsPerFrame; ++b) {
      frame.blobs.push_back({.id = BlobOf(n * kBlobsPerPack + f * kBlobsPerFrame + b), .length = kBlobLength});
    }
  }
  return pack;
}

std::vector<PackSession> SessionsOfPacks() { return {{.epoch = 1, .envelope = {.sealed = Bytes(80, 0)}}}; }

MadeIndex::MadeIndex(std::string folder, uint64_t blobs)
    : folder_(std::move(folder)), sealer_(Owner(), SystemRandom()) {
  for (uint64_t n = 0; n * kPacksPerSegment * kBlobsPerPack < blobs; ++n) {
    segments_.push_back(IdOf<SegmentId>(n));
    numbers_[segments_.back()] = n;
  }
}

void MadeIndex::Open() {
  index_ = nullptr;
  auto opened = Index::Open({.folder = folder_ + "/index", .repository = IdOf<RepositoryId>(1)});
  CHECK(opened.has_value());
  index_ = *std::move(opened);
}

Bytes MadeIndex::SealedSegment(const SegmentId& id) {
  const auto begin = SystemClock().Steady();
  const auto sealed = sealer_.Seal(ObjectKind::kSegment, ToRawId(id), SegmentOf(numbers_.at(id)).Encode());
  CHECK(sealed.has_value());
  Bytes object = sealed->Joined();
  segment_bytes_ += object.size();
  making_ += SystemClock().Steady() - begin;
  return object;
}

Result<IndexSegment> MadeIndex::OpenSegment(const SegmentId& id, ByteSpan object) const {
  ASSIGN_OR_RETURN(const OpenedObject opened, sealer_.Open(object, ObjectKind::kSegment, ToRawId(id), "segment"));
  return IndexSegment::Parse(opened.body);
}

void MadeIndex::Sync() {
  const auto load = [this](const SegmentId& id) { return OpenSegment(id, SealedSegment(id)); };
  JobContext context{*executor_, SystemClock(), SystemRandom(), progress_, NullLog(), {}, Limits()};
  CHECK(index_->Sync(segments_, load, context).has_value());
}

uint64_t MadeIndex::DiskBytes() const {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

}  // namespace cairn::bench
