#include "bench/cuts.h"

#include "engine/jobs/content_backup.h"

namespace cairn::bench {
namespace {

chunker::GearTable MakeTable() {
  const Bytes material = GearMaterial(Bytes(32, 1));
  return chunker::GearTable::FromMaterial(std::span<const uint8_t, chunker::GearTable::kMaterialSize>(material));
}

}  // namespace

const chunker::GearTable& Table() {
  static const chunker::GearTable table = MakeTable();
  return table;
}

std::vector<uint32_t> Cut(const chunker::ChunkerParams& params, ByteSpan stream) {
  chunker::Cutter cutter(params, Table());
  std::vector<uint32_t> lengths;
  for (size_t at = 0; at < stream.size(); at += lengths.back())
    lengths.push_back(cutter.Next(stream.subspan(at), true));
  return lengths;
}

}  // namespace cairn::bench
