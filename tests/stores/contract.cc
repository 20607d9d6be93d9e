// The contract of stores against a server that is there: the address in CAIRN_STORE_ADDRESS, below which each test has
// a prefix of its own. What starts the server runs this: tests/stores/*_test.py.
#include <cstdlib>
#include <sstream>

#include "engine/stores/open_store.h"
#include "tests/contract/store_contract.h"

namespace cairn {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

StoreSettings SettingsOfTest() {
  StoreSettings settings;
  std::istringstream words(Variable("CAIRN_STORE_SETTINGS"));
  for (std::string word; words >> word;) EXPECT_OK(AddStoreSetting(settings, word));
  return settings;
}

std::shared_ptr<ObjectStore> MakeRemote() {
  const std::string address = Variable("CAIRN_STORE_ADDRESS");
  CHECK(!address.empty());
  const StoreWorld world{.files = PosixFileSystem(),
                         .clock = SystemClock(),
                         .random = SystemRandom(),
                         .stop = {},
                         .environment = Variable,
                         .retry_notice = {}};
  const std::string prefix = address + "/" + SystemRandom().NewId<ObjectId>().ToHex();
  auto store = CreateStore(prefix, SettingsOfTest(), world);
  if (!store) ADD_FAILURE() << store.error().message();
  return std::shared_ptr<ObjectStore>(std::move(store).value());
}

// More than a page of the server's: 2,100, or CAIRN_STORE_MANY.
int ManyObjects() {
  const std::string many = Variable("CAIRN_STORE_MANY");
  return many.empty() ? 2'100 : std::stoi(many);
}

INSTANTIATE_TEST_SUITE_P(Remote, StoreContract, testing::Values(StoreMaker{"Store", MakeRemote, ManyObjects()}),
                         StoreMaker::Name);

}  // namespace
}  // namespace cairn
