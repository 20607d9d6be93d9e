// The store that an address names, whatever its kind.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "engine/env/clock.h"
#include "engine/env/file_system.h"
#include "engine/env/random.h"
#include "engine/store/counting_store.h"
#include "engine/store/object_holder.h"
#include "engine/store/object_locker.h"
#include "engine/store/object_store.h"
#include "engine/store/object_warmer.h"
#include "engine/store/retry.h"
#include "engine/stores/store_settings.h"

namespace cairn {

// What opening a store asks of the world. Borrows all.
struct StoreWorld {
  FileSystem& files;
  const Clock& clock;
  const Random& random;
  std::stop_token stop;
  std::function<std::string(const char* name)> environment;  // a variable, "" where it is not set
  RetryNotice retry_notice;                                  // may be empty
  RequestMeter* meter = nullptr;                             // counts the requests of a store that is far; may be none
};

// The folder that an address names ("/path", "local:/path"), nothing where it names another kind of store.
std::optional<std::string> LocalFolderOf(const std::string& address);

// Addresses: a folder, local:FOLDER, what s3::Place, azure::Place, webdav::Place and SftpPlace have, and rclone:REMOTE.
// What is reached over a network is tried again where that may help. kInvalidArgument for an address of no kind that is
// known. Open, Create: as those of the backend.
Result<std::unique_ptr<ObjectStore>> OpenStore(const std::string& address, const StoreSettings& settings,
                                               const StoreWorld& world);
// Of a store that is opened with settings for locks; kInvalidArgument of others. What fails is tried again as by the
// store.
Result<std::unique_ptr<ObjectLocker>> OpenLocker(const std::string& address, const StoreSettings& settings,
                                                 const StoreWorld& world);
// The same of a store that knows legal holds; kInvalidArgument of others.
Result<std::unique_ptr<ObjectHolder>> OpenHolder(const std::string& address, const StoreSettings& settings,
                                                 const StoreWorld& world);
// The same of a store with archives; kInvalidArgument of others.
Result<std::unique_ptr<ObjectWarmer>> OpenWarmer(const std::string& address, const StoreSettings& settings,
                                                 const StoreWorld& world);
Result<std::unique_ptr<ObjectStore>> CreateStore(const std::string& address, const StoreSettings& settings,
                                                 const StoreWorld& world);

}  // namespace cairn
