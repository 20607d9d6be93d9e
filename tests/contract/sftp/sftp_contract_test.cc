// The contract, against a real sshd.
#include "engine/store/local_store.h"
#include "engine/store/sftp/sftp_store.h"
#include "tests/contract/store_contract.h"
#include "tests/support/ssh_server.h"

namespace cairn {
namespace {

struct SftpWorld {
  explicit SftpWorld(const SshServer::Options& server_options = {}, unsigned connections_max = 5)
      : server(server_options) {
    SftpOptions options = server.Client();
    options.connections_max = connections_max;
    store = SftpStore::Create(server.Place(server / "repository"), options, SystemRandom(), SystemClock(),
                              std::stop_token())
                .value();
  }
  SshServer server;
  std::unique_ptr<SftpStore> store;
};

StoreMaker MakerOf(std::string name, const SshServer::Options& server_options = {}, unsigned connections_max = 5) {
  const auto make = [=]() -> std::shared_ptr<ObjectStore> {
    auto world = std::make_shared<SftpWorld>(server_options, connections_max);
    ObjectStore* store = world->store.get();
    return {std::move(world), store};
  };
  return {std::move(name), make, 350};  // OpenSSH lists a hundred at once
}

INSTANTIATE_TEST_SUITE_P(Sftp, StoreContract,
                         testing::Values(MakerOf("FiveConnections"), MakerOf("OneConnection", {}, 1),
                                         MakerOf("WithoutLinks", {.denied = "hardlink"}),
                                         MakerOf("WithReplacingRenameOnly",
                                                 {.denied = "hardlink,fsync,limits,statvfs,fstatvfs"})),
                         StoreMaker::Name);

}  // namespace
}  // namespace cairn
