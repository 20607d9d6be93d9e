// The triggers by which the server keeps to a foreign key: each can be switched off by itself.
#pragma once

#include <string>
#include <vector>

#include "frontends/postgres/live_table.h"

namespace cairn::postgres {

// Those of one key that are not as they are made, to be switched so again when it was dropped and added.
class KeyTriggers {
 public:
  static Result<KeyTriggers> Read(Connection& connection, const ForeignKey& key);
  bool is_empty() const { return states_.empty(); }
  // kPermission where the role is no superuser, as the server wants it for these.
  Result<void> Set(Connection& connection, const ForeignKey& key) const;

 private:
  struct State {
    TableName table;
    std::string function;  // its number: the trigger's name has the key's, which changes
    char enabled = 'O';
  };
  std::vector<State> states_;
};

}  // namespace cairn::postgres
