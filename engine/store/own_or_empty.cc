#include "engine/store/own_or_empty.h"

namespace cairn {

Result<void> NeedOwnOrEmpty(ObjectStore& store, std::string_view instead) {
  const auto config = store.Stat(ConfigName(1));
  if (config) return {};
  if (config.error().code() != ErrorCode::kNotFound) return config.error();
  std::string foreign;
  RETURN_IF_ERROR(store.List(
      "",
      [&](const ObjectInfo& info) -> Result<void> {
        // What an interrupted creation leaves.
        if (!info.name.text().starts_with(kKeyPrefix)) foreign = info.name.text();
        return {};
      },
      [&](const std::string& name) { foreign = name; }));
  if (foreign.empty()) return {};
  return MakeError(ErrorCode::kAlreadyExists, "{} holds {} and is no repository: give {}", store.description(), foreign,
                   instead);
}

}  // namespace cairn
