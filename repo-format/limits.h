// Every maximum of the format. SPEC section 14.
#pragma once

#include <cstdint>

#include "repo-format/base/units.h"

namespace cairn::limits {

inline constexpr uint32_t kBlobBytesMax = 8 * kMiB;       // what a writer makes
inline constexpr uint32_t kBlobBytesReadMax = 16 * kMiB;  // what a reader takes
inline constexpr uint32_t kFramePlainBytesMax = 16 * kMiB;
inline constexpr uint32_t kFrameSealedBytesMax = 16 * kMiB + 64 * kKiB;
inline constexpr uint32_t kFrameSealedBytesMin = 33;  // salt, one byte, tag
inline constexpr uint32_t kFrameBlobsMax = 65'535;
inline constexpr uint64_t kPackBytesMax = kGiB;
inline constexpr uint32_t kPackTargetBytesMax = 256 * kMiB;  // of a full pack; so that padding fits one frame
inline constexpr uint64_t kDirectoryBytesMax = 64 * kMiB;
inline constexpr uint64_t kSegmentBytesMax = 64 * kMiB;
inline constexpr uint64_t kConfigBytesMax = 16 * kMiB;
inline constexpr uint32_t kSlotsMax = 1'024;
inline constexpr uint32_t kEpochsMax = 256;
inline constexpr uint64_t kKeyObjectBytesMax = 4 * kKiB;
inline constexpr uint64_t kKeyObjectsTried = 1'024;
inline constexpr uint32_t kEnvelopeBytesMax = 65'535;
inline constexpr uint64_t kSmallObjectBytesMax = 64 * kKiB;  // session, end, sign of life, tombstone, fence
inline constexpr uint64_t kSnapshotBytesMax = 16 * kMiB;     // also note, forgotten record, seen list
inline constexpr uint64_t kDeletedBytesMax = kSnapshotBytesMax + 64 * kKiB;  // a snapshot, wrapped
inline constexpr uint32_t kItemsMax = 65'535;
inline constexpr uint32_t kItemNameBytesMax = 255;  // of a file system: a restore makes a folder of it
inline constexpr uint32_t kNameBytesMax = 4'096;    // node's name, link's target, attribute's name
inline constexpr uint32_t kAttributeBytesMax = 8 * kMiB;
inline constexpr unsigned kBlobTreeDepthMax = 8;
inline constexpr unsigned kFolderDepthMax = 4'096;
inline constexpr uint32_t kListEntriesMin = 8;  // a writer cuts no earlier
inline constexpr uint32_t kListEntriesMax = 128;
inline constexpr uint32_t kDirectoryEntriesMin = 16;
inline constexpr uint32_t kDirectoryEntriesMax = 256;
inline constexpr uint32_t kDirectoryBlobBytesMax = kMiB;  // cut before it would exceed this
inline constexpr uint32_t kContentInlineEntriesMax = 4;
inline constexpr uint32_t kAclInlineBytesMax = 256;
inline constexpr uint32_t kArgonMemoryKiBMin = 8'192;
inline constexpr uint32_t kArgonMemoryKiBMax = 4'194'304;
inline constexpr uint32_t kArgonPassesMax = 64;

}  // namespace cairn::limits
