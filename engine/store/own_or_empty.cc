#include "engine/store/own_or_empty.h"

namespace cairn {

Result<void> NeedOwnOrEmpty(ObjectStore& store, std::string_view instead) {
  const auto config = store.Stat(ConfigName(1));
  if (config) return {};
  if (config.error().code() != ErrorCode::kNotFound) return config.error();
  // The first one ends the listing: there may be millions.
  const auto refuse = [&](const std::string& foreign) -> Result<void> {
    return MakeError(ErrorCode::kAlreadyExists, "{} holds {} and is no repository: give {}", store.description(),
                     foreign, instead);
  };
  const auto judge = [&](const ObjectInfo& info) {
    const bool is_left = info.name.text().starts_with(kKeyPrefix);  // of a creation that was interrupted
    return is_left ? Result<void>() : refuse(info.name.text());
  };
  return store.List("", judge, refuse);
}

}  // namespace cairn
