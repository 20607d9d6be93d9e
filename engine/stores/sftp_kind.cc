#include "engine/store/sftp/sftp_store.h"
#include "engine/stores/kinds.h"

namespace cairn {

Made MakeSftp(const std::string& address, const StoreSettings& settings, const StoreWorld& world, Use use) {
  ASSIGN_OR_RETURN(const SftpPlace place, SftpPlace::Parse(address));
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  const SftpOptions options;
  return MakeFar(
      retry, use, [&] { return AnyStore(SftpStore::Create(place, options, world.random, world.clock, world.stop)); },
      [&] { return AnyStore(SftpStore::Open(place, options, world.random, world.clock, world.stop)); }, world);
}

}  // namespace cairn
