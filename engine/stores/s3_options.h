// What settings say of an S3 server. Private to engine/stores.
#pragma once

#include <memory>
#include <string>

#include "engine/store/s3/s3_store.h"
#include "engine/stores/far_store.h"

namespace cairn {

// `place` is without "s3:".
Result<s3::Options> S3OptionsOf(const std::string& place, const StoreSettings& settings, const StoreWorld& world,
                                const std::shared_ptr<Retry>& retry);

}  // namespace cairn
