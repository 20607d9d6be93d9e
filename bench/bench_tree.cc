// Metadata blobs, to bytes and back: directories and lists.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <random>

#include "bench/rate.h"
#include "repo-format/directory_blob.h"
#include "repo-format/list_blob.h"

namespace cairn {
namespace {

BlobId IdOf(std::mt19937_64& random) {
  BlobId id;
  for (uint8_t& byte : id.mutable_bytes()) byte = static_cast<uint8_t>(random() >> 32);
  return id;
}

// A file as a backup of a machine has most of: its owner is known by name, and its bytes are one blob.
Node FileNode(size_t number, std::mt19937_64& random) {
  Node node{.name = ToBytes(AsBytes(fmt::format("report-{:06}.tar.zst", number))), .mode = 0644};
  node.uid = node.gid = 1'000;
  node.user = node.group = ToBytes(AsBytes("alice"));
  const auto seconds = static_cast<int64_t>(1'700'000'000 + random() % 10'000'000);
  const auto nanoseconds = static_cast<uint32_t>(random() % 1'000'000'000);
  node.modified = {.seconds = seconds, .nanoseconds = nanoseconds};
  node.changed = node.modified;
  node.size = random() % 1'000'000 + 1;
  node.content = Content{.entries = {{.length = node.size, .id = IdOf(random)}}};
  return node;
}

DirectoryBlob Directory(size_t entries) {
  std::mt19937_64 random(1);
  DirectoryBlob blob;
  for (size_t i = 0; i < entries; ++i) blob.nodes.push_back(FileNode(i, random));
  return blob;
}

ListBlob List(size_t entries) {
  std::mt19937_64 random(2);
  ListBlob blob;
  for (size_t i = 0; i < entries; ++i) blob.entries.push_back({.length = random() % 100'000 + 1, .id = IdOf(random)});
  return blob;
}

template <class Blob>
void Encode(benchmark::State& state, const Blob& blob) {
  for (auto _ : state) benchmark::DoNotOptimize(blob.Encode());
  state.counters["blob_bytes"] = static_cast<double>(blob.Encode().size());
  bench::SetItems(state, static_cast<uint64_t>(state.range(0)));
}

template <class Blob>
void Parse(benchmark::State& state, const Blob& blob) {
  const Bytes encoded = blob.Encode();
  for (auto _ : state) CHECK(Blob::Parse(encoded).has_value());
  bench::SetItems(state, static_cast<uint64_t>(state.range(0)));
}

void BM_TreeDirectoryEncode(benchmark::State& state) { Encode(state, Directory(static_cast<size_t>(state.range(0)))); }
BENCHMARK(BM_TreeDirectoryEncode)->Arg(64)->ArgName("entries");

void BM_TreeDirectoryParse(benchmark::State& state) { Parse(state, Directory(static_cast<size_t>(state.range(0)))); }
BENCHMARK(BM_TreeDirectoryParse)->Arg(64)->ArgName("entries");

// 32: the average of rows; 128: of files, and the most.
void BM_TreeListEncode(benchmark::State& state) { Encode(state, List(static_cast<size_t>(state.range(0)))); }
BENCHMARK(BM_TreeListEncode)->Arg(32)->Arg(128)->ArgName("entries");

void BM_TreeListParse(benchmark::State& state) { Parse(state, List(static_cast<size_t>(state.range(0)))); }
BENCHMARK(BM_TreeListParse)->Arg(32)->Arg(128)->ArgName("entries");

}  // namespace
}  // namespace cairn
