#include "bench/sample.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include "bench/dump/sql_dump.h"
#include "repo-format/base/check.h"

namespace cairn::bench {
namespace {

Bytes ReadCLibrary() {
  Dl_info info{};
  CHECK(dladdr(reinterpret_cast<const void*>(&std::abort), &info) != 0);
  std::ifstream in(info.dli_fname, std::ios::binary);
  Bytes bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  CHECK(!bytes.empty());
  return bytes;
}

Bytes MakeText(size_t size) {
  Bytes bytes;
  const uint64_t with_room = size + size / 8 + 1'000;  // rows are about so long, not exactly
  WriteSqlDump({.bytes = with_room}, [&](std::string_view piece) { Append(bytes, AsBytes(piece)); });
  CHECK(bytes.size() >= size);
  return bytes;
}

Bytes MakeBase64(size_t size) {
  Bytes bytes = MakeNoise(size);
  for (uint8_t& byte : bytes) {
    byte = static_cast<uint8_t>("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[byte % 64]);
  }
  return bytes;
}

Bytes MakeAny(Sample sample, size_t size) {
  switch (sample) {
    case Sample::kProgram:
      return ReadCLibrary();
    case Sample::kText:
      return MakeText(size);
    case Sample::kBase64:
      return MakeBase64(size);
    case Sample::kNoise:
      break;
  }
  return MakeNoise(size);
}

}  // namespace

std::string Name(Sample sample) {
  constexpr const char* kNames[] = {"program", "text", "base64", "noise"};
  return kNames[static_cast<size_t>(sample)];
}

Bytes MakeSample(Sample sample, size_t size) {
  Bytes bytes = MakeAny(sample, size);
  while (bytes.size() < size) Append(bytes, Bytes(bytes));
  bytes.resize(size);
  return bytes;
}

Bytes MakeNoise(size_t size) {
  std::mt19937_64 random(1);
  Bytes bytes(size);
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    const uint64_t word = random();
    std::memcpy(bytes.data() + at, &word, std::min(sizeof word, size - at));
  }
  return bytes;
}

}  // namespace cairn::bench
