// Places of blobs, gathered in whatever order and asked for pack by pack.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/env/record_sorter.h"
#include "engine/index/index.h"

namespace cairn {

// First it grows (Add), then the places of one pack after the other are taken from it. One thread at a time. Memory:
// memory_bytes; what does not fit is in a file in `folder` that has no name: 12 bytes a place. Errors are
// RecordSorter's.
class LivePlaces {
 public:
  LivePlaces(const std::string& folder, uint64_t memory_bytes);
  Result<void> Add(const BlobPlace& place);
  // Those in a pack, by frame and blob, each once. Numbers of packs ascend from call to call; nothing may be added any
  // more. Stops at the first error of `each`.
  using EachPlace = std::function<Result<void>(uint32_t frame, uint32_t blob)>;
  Result<void> TakePack(uint32_t pack, const EachPlace& each);

 private:
  struct Place {
    uint32_t pack = 0, frame = 0, blob = 0;
  };
  Result<void> ReadNext();

  const uint64_t reader_bytes_;
  RecordSorter sorter_;
  std::unique_ptr<RecordSorter::Reader> reader_;  // from the first TakePack on
  std::optional<Place> next_;
};

}  // namespace cairn
