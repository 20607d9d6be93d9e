// The kinds of stores, each in a file of its own. Private to engine/stores.
#pragma once

#include <string>

#include "engine/stores/far_store.h"

namespace cairn {

// `place`: what is after "s3:" and so on; `address`: the whole.
Made MakeLocal(const std::string& folder, const StoreWorld& world, Use use);
Made MakeS3(const std::string& place, const StoreSettings& settings, const StoreWorld& world, Use use);
Made MakeAzure(const std::string& place, const StoreSettings& settings, const StoreWorld& world, Use use);
Made MakeWebdav(const std::string& place, const StoreSettings& settings, const StoreWorld& world, Use use);
// How large a file the server of an address is known to take at most, in bytes; 0: that is not known.
uint64_t WebdavObjectBytesMax(const std::string& place);
Made MakeRclone(const std::string& remote, const StoreSettings& settings, const StoreWorld& world, Use use);
Made MakeSftp(const std::string& address, const StoreSettings& settings, const StoreWorld& world, Use use);

// Of a bucket whose server locks objects, with settings that say how; kInvalidArgument of others.
Result<std::unique_ptr<ObjectLocker>> MakeS3Locker(const std::string& place, const StoreSettings& settings,
                                                   const StoreWorld& world);

// Of a bucket whose server knows legal holds.
Result<std::unique_ptr<ObjectHolder>> MakeS3Holder(const std::string& place, const StoreSettings& settings,
                                                   const StoreWorld& world);

// Of stores with an archive.
Result<std::unique_ptr<ObjectWarmer>> MakeS3Warmer(const std::string& place, const StoreSettings& settings,
                                                   const StoreWorld& world);
Result<std::unique_ptr<ObjectWarmer>> MakeAzureWarmer(const std::string& place, const StoreSettings& settings,
                                                      const StoreWorld& world);

}  // namespace cairn
