// The bytes of a file of a snapshot, in order.
#pragma once

#include <functional>
#include <stop_token>

#include "engine/repo/blob_ends.h"
#include "repo-format/node.h"

namespace cairn::exports {

// Verified, a chunk at a time; holes as zeros, or passed over. kInterrupted soon after stop is asked for.
enum class Holes : uint8_t { kAsZeros, kPassedOver };
using EachBytes = std::function<Result<void>(ByteSpan bytes)>;
Result<void> StreamContent(BlobSource& blobs, const Node& file, const std::stop_token& stop, const EachBytes& each,
                           Holes holes = Holes::kAsZeros);

}  // namespace cairn::exports
