// Segments as pictures, and an index over them in a folder that goes with the test.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "engine/index/index.h"

namespace cairn::index_test {

inline uint64_t Mix(uint64_t n) {  // splitmix64
  n += 0x9e3779b97f4a7c15;
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
  n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
  return n ^ (n >> 31);
}

template <class IdType>
IdType MixedId(uint64_t n) {
  IdType id;
  for (size_t i = 0; i < IdType::kSize; ++i) {
    id.mutable_bytes()[i] = static_cast<uint8_t>(Mix(n * 8 + i / 8) >> (i % 8 * 8));
  }
  return id;
}

inline BlobId Blob(uint64_t n) { return MixedId<BlobId>(n); }
inline SegmentId Segment(uint64_t n) { return MixedId<SegmentId>(n + 1'000'000'000); }
inline SessionId Session(uint64_t n) { return MixedId<SessionId>(n + 2'000'000'000); }
// Ordered as their numbers are.
inline PackName Pack(uint64_t n) {
  PackName name{.digest = MixedId<Digest>(n + 3'000'000'000)};
  for (size_t i = 0; i < 8; ++i) name.digest.mutable_bytes()[i] = static_cast<uint8_t>(n >> (56 - 8 * i));
  return name;
}
inline Envelope EnvelopeOf(uint64_t n) { return {.sealed = ToBytes(Blob(n + 4'000'000'000).bytes())}; }

// Blobs of a frame by their numbers; a blob's length is 100 and its number, unless `length` says so.
struct Blobs {
  std::vector<uint64_t> numbers;
  uint32_t length = 0;
};

inline FrameEntry Frame(const Blobs& blobs, uint32_t session) {
  FrameEntry frame{.session = session};
  frame.sealed_length = 100 + static_cast<uint32_t>(blobs.numbers.size());
  for (const uint64_t n : blobs.numbers) {
    const uint32_t length = blobs.length != 0 ? blobs.length : static_cast<uint32_t>(100 + n % 1'000'000);
    frame.blobs.push_back({.id = Blob(n), .length = length});
    frame.plain_length += length;
  }
  return frame;
}

inline SegmentPack PackOf(uint64_t n, const std::vector<Blobs>& frames, BlobKind kind = BlobKind::kData,
                          uint32_t session = 0) {
  SegmentPack pack{.name = Pack(n), .kind = kind, .size = 10'000 + n};
  for (const Blobs& blobs : frames) pack.frames.push_back(Frame(blobs, session));
  return pack;
}

// A segment with one session, number `session`.
inline IndexSegment SegmentOf(std::vector<SegmentPack> packs, std::vector<PackName> removed = {},
                              std::vector<RetiredFrame> retired = {}, uint64_t session = 1) {
  IndexSegment segment{.packs = std::move(packs), .removed = std::move(removed), .retired = std::move(retired)};
  segment.sessions.push_back({.session = Session(session),
                              .epoch = 1,
                              .content = EnvelopeOf(session * 2),
                              .metadata = EnvelopeOf(session * 2 + 1)});
  return segment;
}

inline std::vector<PackSession> SessionsForAdd(uint64_t session = 1) {
  return {{.session = Session(session), .epoch = 1, .envelope = EnvelopeOf(session * 2)}};
}

// Segments of a store, and how often each was fetched.
struct Segments {
  std::map<SegmentId, IndexSegment> all;
  int loads = 0;

  void Put(uint64_t n, IndexSegment segment) { all[Segment(n)] = std::move(segment); }
  std::vector<SegmentId> Listing() const {
    std::vector<SegmentId> ids;
    for (const auto& [id, segment] : all) ids.push_back(id);
    return ids;
  }
  Index::LoadSegment Loader() {
    return [this](const SegmentId& id) -> Result<IndexSegment> {
      ++loads;
      const auto found = all.find(id);
      if (found == all.end()) return MakeError(ErrorCode::kNotFound, "no segment {}", id.ToHex());
      return found->second;
    };
  }
};

// One entry of what ForEachBlob gives, to compare two indexes as a whole.
using Everything = std::map<BlobId, std::set<std::tuple<PackName, uint32_t, uint32_t, uint32_t>>>;

inline Everything AllOf(Index& index) {
  std::map<uint32_t, PackName> names;
  for (const IndexedPack& pack : index.Packs()) names[pack.number] = pack.name;
  Everything all;
  EXPECT_TRUE(index.ForEachBlob([&](const BlobId& id, BlobKind, std::span<const BlobPlace> places) {
    for (const BlobPlace& place : places) {
      all[id].emplace(names.at(place.pack), place.frame, place.blob, place.length);
    }
    return Result<void>();
  }));
  return all;
}

// The definition, word for word.
inline Everything Expected(const Segments& segments, const std::vector<SegmentId>& listing) {
  std::set<PackName> removed;
  for (const SegmentId& id : listing) {
    for (const PackName& name : segments.all.at(id).removed) removed.insert(name);
  }
  Everything all;
  for (const SegmentId& id : listing) {
    for (const SegmentPack& pack : segments.all.at(id).packs) {
      if (removed.contains(pack.name)) continue;
      for (uint32_t f = 0; f < pack.frames.size(); ++f) {
        for (uint32_t b = 0; b < pack.frames[f].blobs.size(); ++b) {
          const BlobEntry& blob = pack.frames[f].blobs[b];
          all[blob.id].emplace(pack.name, f, b, blob.length);
        }
      }
    }
  }
  return all;
}

class IndexTest : public testing::Test {
 protected:
  IndexTest() {
    std::string path = (std::filesystem::temp_directory_path() / "cairn-index-XXXXXX").string();
    CHECK(mkdtemp(path.data()) != nullptr);
    folder_ = path;
    repository_ = MixedId<RepositoryId>(77);
  }
  ~IndexTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Index> Open(uint64_t memory_bytes = 4 * kMiB) {
    auto opened = Index::Open({.folder = folder_ + "/index", .repository = repository_, .memory_bytes = memory_bytes});
    EXPECT_TRUE(opened) << opened.error().message();
    return opened ? *std::move(opened) : nullptr;
  }
  Result<void> SyncTo(Index& index, std::vector<SegmentId> listing) {
    JobContext context{*executor_, SystemClock(), SystemRandom(), progress_, NullLog(), stop_.get_token(), Limits()};
    return index.Sync(std::move(listing), segments_.Loader(), context);
  }
  void Sync(Index& index) {
    const auto result = SyncTo(index, segments_.Listing());
    ASSERT_TRUE(result) << result.error().message();
  }
  // Numbers of packs whose places Find gives, in its order.
  static std::vector<uint64_t> PacksOf(Index& index, uint64_t blob) {
    const auto found = index.Find(Blob(blob));
    EXPECT_TRUE(found) << found.error().message();
    std::vector<uint64_t> numbers;
    if (!found) return numbers;
    for (const BlobLocation& place : *found) numbers.push_back(NumberOf(place.pack.name));
    return numbers;
  }
  static bool HasForWriter(Index& index, uint64_t blob) {
    const auto found = index.HasForWriter(Blob(blob), std::nullopt);
    EXPECT_TRUE(found) << found.error().message();
    return found && *found;
  }
  static uint64_t NumberOf(const PackName& name) {
    uint64_t number = 0;
    for (size_t i = 0; i < 8; ++i) number = number << 8 | name.digest.bytes()[i];
    return number;
  }
  static std::vector<uint64_t> PackNumbers(Index& index) {
    std::vector<uint64_t> numbers;
    for (const IndexedPack& pack : index.Packs()) numbers.push_back(NumberOf(pack.name));
    return numbers;
  }
  std::vector<std::string> NamesIn(const std::string& path) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  std::string folder_;
  RepositoryId repository_;
  Segments segments_;
  std::stop_source stop_;
  Progress progress_;
  std::unique_ptr<Executor> executor_ = MakeInlineExecutor();
};

}  // namespace cairn::index_test
