// Where an Azure Blob store is: the account, the container, and the prefix of its blobs.
#pragma once

#include <string>
#include <string_view>

#include "engine/http/percent.h"

namespace cairn::azure {

// What an address need not say.
struct Account {
  std::string name;             // AZURE_ACCOUNT_NAME; "": as the address has it
  std::string endpoint_suffix;  // AZURE_ENDPOINT_SUFFIX; "": core.windows.net
};

// Forms, all of them after "azure:":
//   https://ACCOUNT.blob.core.windows.net/container[/prefix]   any cloud; a host of your own where `name` is given
//   http://127.0.0.1:10000/ACCOUNT/container[/prefix]          an emulator: a host that is an address, or has no dot
//   container:/[prefix]                                        of the account `name`
struct Place {
  http::Origin origin;
  std::string account;
  std::string container;
  std::string prefix;            // "" or ending with "/"
  bool account_in_path = false;  // and not in the host's name

  // `text` is without "azure:". kInvalidArgument names what is wrong with it.
  static Result<Place> Parse(std::string_view text, const Account& given);
  // As people write it, in the first form or the second.
  std::string text() const;
  // Of a blob by its whole name, or of the container where `blob` is "": begins with "/", decoded.
  std::string PathOf(std::string_view blob) const;
};

}  // namespace cairn::azure
