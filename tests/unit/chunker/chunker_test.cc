#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "chunker/cutter.h"
#include "engine/crypto/hash.h"
#include "engine/jobs/content_backup.h"
#include "repo-format/wire_writer.h"

namespace cairn::chunker {
namespace {

GearTable TestTable(ByteSpan key) {
  const Bytes material = GearMaterial(key);
  return GearTable::FromMaterial(std::span<const uint8_t, GearTable::kMaterialSize>(material));
}

std::vector<uint8_t> Noise(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> data(size);
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(random());
  return data;
}

// Of a stream that begins at `offset` and comes in pieces.
std::vector<size_t> Cut(const ChunkerParams& params, const GearTable& table, std::span<const uint8_t> data,
                        size_t piece, uint64_t offset = 0) {
  Cutter cutter(params, table);
  cutter.Reset(offset);
  std::vector<size_t> sizes;
  size_t begin = 0, end = 0;
  while (begin < data.size()) {
    end = std::min(end + piece, data.size());
    while (begin < end) {
      const size_t length = cutter.Next(data.subspan(begin, end - begin), end == data.size());
      if (length == 0) break;
      sizes.push_back(length);
      begin += length;
    }
  }
  return sizes;
}

const ChunkerParams kSmall{ChunkerKind::kGear, 64, 1000, 8000};

// tests/vectors/chunker.json is made by chunker_reference.py from SPEC's text: the cuts are pinned for ever.
TEST(Chunker, CutsWhereTheReferenceCuts) {
  std::ifstream file(std::string(CAIRN_SOURCE_DIR) + "/tests/vectors/chunker.json");
  ASSERT_TRUE(file);
  const auto json = nlohmann::json::parse(file);
  std::vector<uint8_t> data;
  const size_t length = json["input_bytes"];
  for (uint32_t i = 0; data.size() < length; ++i) {
    WireWriter counter;
    counter.U32(i);
    const Digest block = Sha256({AsBytes("cairn vector"), counter.bytes()});
    data.insert(data.end(), block.bytes().begin(), block.bytes().end());
  }
  data.resize(length);
  const GearTable table = TestTable(*FromHex(json["key"].get<std::string>()));
  ASSERT_EQ(json["vectors"].size(), 5u);
  for (const auto& vector : json["vectors"]) {
    const ChunkerParams params{ChunkerKind::kGear, vector["minimum"], vector["average"], vector["maximum"]};
    const std::vector<size_t> expected = vector["sizes"];
    const uint64_t offset = vector["offset"];
    EXPECT_EQ(Cut(params, table, data, 70'001, offset), expected) << params.size_average << " at " << offset;
  }
}

TEST(Chunker, CutsDependOnTheBytesAloneNotOnThePieces) {
  const GearTable table = TestTable(Bytes(32, 7));
  const auto data = Noise(300'000, 1);
  const auto whole = Cut(kSmall, table, data, data.size());
  for (const size_t piece : {size_t{1}, size_t{63}, size_t{64}, size_t{999}, size_t{65'536}}) {
    EXPECT_EQ(Cut(kSmall, table, data, piece), whole) << piece;
  }
}

TEST(Chunker, SizesStayWithinBoundsAndSumUp) {
  const GearTable table = TestTable(Bytes(32, 7));
  for (const auto& data : {Noise(500'000, 2), std::vector<uint8_t>(500'000, 0), std::vector<uint8_t>(63, 1)}) {
    const auto sizes = Cut(kSmall, table, data, 10'000);
    size_t sum = 0;
    for (size_t i = 0; i < sizes.size(); ++i) {
      EXPECT_LE(sizes[i], kSmall.size_max);
      if (i + 1 < sizes.size()) {
        EXPECT_GE(sizes[i], kSmall.size_min);
      }
      sum += sizes[i];
    }
    EXPECT_EQ(sum, data.size());
  }
}

TEST(Chunker, MeanIsNearTheAverage) {
  const GearTable table = TestTable(Bytes(32, 9));
  const auto data = Noise(8'000'000, 3);
  for (const uint32_t average : {700u, 1000u, 5000u}) {
    const ChunkerParams params{ChunkerKind::kGear, 64, average, average * 8};
    const double mean =
        static_cast<double>(data.size()) / static_cast<double>(Cut(params, table, data, 1 << 20).size());
    EXPECT_NEAR(mean, average, average * 0.05);
  }
}

// SPEC 12.4.
TEST(Chunker, ChunksGrowSoThatALongStreamHasNoMoreOfThem) {
  const GearTable table = TestTable(Bytes(32, 9));
  const auto data = Noise(4'000'000, 3);
  const ChunkerParams params{ChunkerKind::kGear, 64, 1000, 8000};
  const auto mean_at = [&](uint64_t offset) {
    return static_cast<double>(data.size()) / static_cast<double>(Cut(params, table, data, 1 << 20, offset).size());
  };
  const uint64_t first = uint64_t{1000} << 20;
  EXPECT_NEAR(mean_at(first - data.size()), 1000, 50);
  EXPECT_NEAR(mean_at(first), 2000, 100);
  EXPECT_NEAR(mean_at(2 * first - data.size()), 2000, 100);
  EXPECT_NEAR(mean_at(2 * first), 4000, 200);
  // 8,000 times 2^10 is below 8 MiB, times 2^11 is not: it stays.
  ChunkerParams large = params;
  large.size_max = 4 << 20;
  const auto kept = Cut(large, table, data, 1 << 20, first << 30);
  EXPECT_EQ(kept, Cut(large, table, data, 1 << 20, first));
}

TEST(Chunker, ItGrowsAtAChunkNotWithinOne) {
  const GearTable table = TestTable(Bytes(32, 9));
  const auto data = Noise(200'000, 8);
  const ChunkerParams params{ChunkerKind::kGear, 64, 1000, 8000};
  const uint64_t border = uint64_t{1000} << 20;
  const auto before = Cut(params, table, data, 1 << 20);
  size_t chunks = 0;
  uint64_t length = 0;
  while (length < 100'000) length += before[chunks++];
  // The border lies in the last of these chunks.
  const auto sizes = Cut(params, table, data, 1 << 20, border - length + 1);
  ASSERT_GT(sizes.size(), chunks);
  EXPECT_TRUE(std::equal(before.begin(), before.begin() + static_cast<ptrdiff_t>(chunks), sizes.begin()));
  const auto grown = Cut({ChunkerKind::kGear, 128, 2000, 16'000}, table, std::span(data).subspan(length), 1 << 20);
  EXPECT_TRUE(std::equal(grown.begin(), grown.end(), sizes.begin() + static_cast<ptrdiff_t>(chunks), sizes.end()));
}

TEST(Chunker, FindsItsCutsAgainAfterAnInsertion) {
  const GearTable table = TestTable(Bytes(32, 7));
  auto data = Noise(400'000, 4);
  const auto before = Cut(kSmall, table, data, 1 << 20);
  data.insert(data.begin() + 100'000, {1, 2, 3, 4, 5});
  const auto after = Cut(kSmall, table, data, 1 << 20);
  size_t same = 0;
  while (same < before.size() && before[before.size() - 1 - same] == after[after.size() - 1 - same]) ++same;
  EXPECT_GT(same, before.size() / 2);
}

TEST(Chunker, AnotherKeyCutsElsewhere) {
  const auto data = Noise(100'000, 5);
  EXPECT_NE(Cut(kSmall, TestTable(Bytes(32, 1)), data, 1 << 20), Cut(kSmall, TestTable(Bytes(32, 2)), data, 1 << 20));
}

TEST(Chunker, FixedSizesAreFixed) {
  const ChunkerParams params{ChunkerKind::kFixed, 4096, 4096, 4096};
  EXPECT_EQ(params.Problem(), std::nullopt);
  const auto sizes = Cut(params, GearTable(), Noise(10'000, 6), 777);
  EXPECT_EQ(sizes, (std::vector<size_t>{4096, 4096, 1808}));
}

// SPEC 12.4: pages too.
TEST(Chunker, FixedSizesGrow) {
  const ChunkerParams params{ChunkerKind::kFixed, 4096, 4096, 4096};
  const uint64_t grows_at = uint64_t{4096} << 20;
  EXPECT_EQ(Cut(params, GearTable(), Noise(20'000, 6), 777, grows_at - 4096),
            (std::vector<size_t>{4096, 8192, 20'000 - 4096 - 8192}));
  EXPECT_EQ(Cut(params, GearTable(), Noise(40'000, 6), 777, 4 * grows_at),
            (std::vector<size_t>{32768, 40'000 - 32768}));
}

TEST(Chunker, AnEmptyStreamHasNoChunk) { EXPECT_TRUE(Cut(kSmall, GearTable(), {}, 1).empty()); }

TEST(ChunkerParams, SaysWhatIsWrong) {
  EXPECT_TRUE((ChunkerParams{ChunkerKind::kStrong, 64, 100, 200}.IsUnsupported()));
  EXPECT_TRUE((ChunkerParams{ChunkerKind::kGear, 63, 100, 200}.Problem()));
  EXPECT_TRUE((ChunkerParams{ChunkerKind::kGear, 200, 100, 300}.Problem()));
  EXPECT_TRUE((ChunkerParams{ChunkerKind::kGear, 64, 100, 9 << 20}.Problem()));
  EXPECT_TRUE((ChunkerParams{ChunkerKind::kFixed, 64, 64, 128}.Problem()));
  EXPECT_FALSE((ChunkerParams{ChunkerKind::kGear, 64, 64, 64}.Problem()));
}

}  // namespace
}  // namespace cairn::chunker
