#include "engine/stores/open_store.h"

#include "engine/store/object_size_store.h"
#include "engine/stores/kinds.h"
#include "engine/stores/storage_terms.h"

namespace cairn {
namespace {

// "s3" of "s3:https://host", nothing of a path: what is before the first colon has no "/".
std::optional<std::string> KindOf(const std::string& address) {
  const size_t colon = address.find(':');
  if (colon == std::string::npos || address.find('/') < colon) return std::nullopt;
  return address.substr(0, colon);
}

Made MakeOfKind(const std::string& address, const StoreSettings& settings, const StoreWorld& world, Use use) {
  if (const auto folder = LocalFolderOf(address)) return MakeLocal(*folder, world, use);
  const std::string kind = *KindOf(address);
  const std::string place = address.substr(kind.size() + 1);
  if (kind == "s3") return MakeS3(place, settings, world, use);
  if (kind == "azure") return MakeAzure(place, settings, world, use);
  if (kind == "webdav") return MakeWebdav(place, settings, world, use);
  if (kind == "sftp") return MakeSftp(address, settings, world, use);
  if (kind == "rclone") return MakeRclone(place, settings, world, use);
  return MakeError(ErrorCode::kInvalidArgument,
                   "stores of kind \"{}\" are not known to this version of cairn; it knows a folder, "
                   "s3:https://host/bucket/prefix, azure:container:/prefix, webdav:https://host/folder, "
                   "sftp:user@host:/folder, and rclone:remote:folder",
                   kind);
}

Made Make(const std::string& address, const StoreSettings& settings, const StoreWorld& world, Use use) {
  const std::string kind = KindOf(address).value_or("");
  const uint64_t known = kind == "webdav" ? WebdavObjectBytesMax(address.substr(kind.size() + 1)) : 0;
  ASSIGN_OR_RETURN(const uint64_t bytes_max, ObjectBytesMaxOf(settings, known));
  ASSIGN_OR_RETURN(auto store, MakeOfKind(address, settings, world, use));
  if (bytes_max == 0) return store;
  return std::unique_ptr<ObjectStore>(std::make_unique<ObjectSizeStore>(std::move(store), bytes_max));
}

}  // namespace

std::optional<std::string> LocalFolderOf(const std::string& address) {
  const auto kind = KindOf(address);
  if (!kind) return address;
  if (*kind == "local") return address.substr(kind->size() + 1);
  return std::nullopt;
}

Result<std::unique_ptr<ObjectStore>> OpenStore(const std::string& address, const StoreSettings& settings,
                                               const StoreWorld& world) {
  return Make(address, settings, world, Use::kOpen);
}

Result<std::unique_ptr<ObjectStore>> CreateStore(const std::string& address, const StoreSettings& settings,
                                                 const StoreWorld& world) {
  return Make(address, settings, world, Use::kCreate);
}

Result<std::unique_ptr<ObjectLocker>> OpenLocker(const std::string& address, const StoreSettings& settings,
                                                 const StoreWorld& world) {
  const auto kind = KindOf(address);
  if (!kind || *kind != "s3" || SettingOf(settings, "s3.object-lock").empty()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} locks no objects: give the settings that the backups have (-o s3.object-lock, s3.lock-for)",
                     address);
  }
  return MakeS3Locker(address.substr(kind->size() + 1), settings, world);
}

Result<std::unique_ptr<ObjectHolder>> OpenHolder(const std::string& address, const StoreSettings& settings,
                                                 const StoreWorld& world) {
  const auto kind = KindOf(address);
  if (!kind || *kind != "s3") {
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} holds no objects: legal holds are of S3, in a bucket that was made with object lock", address);
  }
  return MakeS3Holder(address.substr(kind->size() + 1), settings, world);
}

Result<std::unique_ptr<ObjectWarmer>> OpenWarmer(const std::string& address, const StoreSettings& settings,
                                                 const StoreWorld& world) {
  const std::string kind = KindOf(address).value_or("");
  const std::string place = kind.empty() ? address : address.substr(kind.size() + 1);
  if (kind == "s3") return MakeS3Warmer(place, settings, world);
  if (kind == "azure") return MakeAzureWarmer(place, settings, world);
  return MakeError(ErrorCode::kInvalidArgument, "{} has no archive from which anything is to be brought back", address);
}

}  // namespace cairn
