// What a storage class asks for objects that go early, or are small.
#pragma once

#include <cstdint>

#include "engine/stores/open_store.h"

namespace cairn {

// Of data packs: the other objects are in the class of the bucket. 0: nothing.
struct StorageTerms {
  uint64_t least_age_seconds = 0;  // who removes one before pays for the rest of this time
  uint64_t least_bytes = 0;        // a smaller one is billed as if it had so many
};

// By the class that the settings name (s3.storage-class, azure.access-tier), as its vendor had it in 2025;
// store.least-age
// ("30d") and store.least-size ("128K") count more. kInvalidArgument where these are none.
Result<StorageTerms> TermsOf(const StoreSettings& settings);
// How large an object may be: store.object-size ("100M"), else `known`; 0: any. kInvalidArgument where the setting is
// none, or less than ObjectSizeStore takes.
Result<uint64_t> ObjectBytesMaxOf(const StoreSettings& settings, uint64_t known);
// Whether data packs are put where they cannot be read before the store has brought them back.
bool KeepsInArchive(const StoreSettings& settings);

}  // namespace cairn
