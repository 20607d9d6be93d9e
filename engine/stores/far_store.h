// What the kinds of stores that are far have in common when they are opened or created. Private to engine/stores.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "engine/http/client.h"
#include "engine/store/own_or_empty.h"
#include "engine/store/put_if_absent_probe.h"
#include "engine/store/retry_store.h"
#include "engine/stores/open_store.h"

namespace cairn {

enum class Use : uint8_t { kOpen, kCreate };

using Made = Result<std::unique_ptr<ObjectStore>>;

template <class Store>
Made AnyStore(Result<std::unique_ptr<Store>> made) {
  RETURN_IF_ERROR(made);
  return std::unique_ptr<ObjectStore>(*std::move(made));
}

// Of the settings retry.first and retry.time.
Result<std::shared_ptr<Retry>> MakeRetry(const StoreSettings& settings, const StoreWorld& world);
http::ClientSettings ClientSettingsOf(const StoreSettings& settings);
// What stands between a server and what tries again: counts requests where the world has a meter, and lists ahead.
std::unique_ptr<ObjectStore> BelowRetry(std::unique_ptr<ObjectStore> store, const StoreWorld& world);

// Creation is tried again as a whole: what it had made before is found then, and taken for what it is. An `open` that
// returns no Result has asked for nothing, so that its success is no answer of the server.
template <class Create, class Open>
Made MakeFar(std::shared_ptr<Retry> retry, Use use, const Create& create, const Open& open, const StoreWorld& world) {
  if constexpr (std::is_convertible_v<decltype(open()), std::unique_ptr<ObjectStore>>) {
    if (use == Use::kOpen) return std::make_unique<RetryStore>(BelowRetry(open(), world), std::move(retry));
  }
  auto store = retry->Repeat([&]() -> Made {
    if (use == Use::kCreate) return create();
    return open();
  });
  RETURN_IF_ERROR(store);
  return std::make_unique<RetryStore>(BelowRetry(*std::move(store), world), std::move(retry));
}

// What stores of objects without folders have in common: `make_home` makes the bucket where it is missing. Each step of
// a creation is tried again by itself.
template <class Store>
Made MakeFlat(std::unique_ptr<Store> flat, std::shared_ptr<Retry> retry, Use use, Result<void> (Store::*make_home)(),
              const StoreWorld& world) {
  if (use == Use::kCreate) RETURN_IF_ERROR(retry->Repeat([&] { return (*flat.*make_home)(); }));
  auto inner = BelowRetry(std::move(flat), world);
  if (use == Use::kCreate) {  // below what tries again, which would hold the whole listing
    RETURN_IF_ERROR(retry->Repeat([&] { return NeedOwnOrEmpty(*inner, "another prefix, bucket or container"); }));
  }
  auto store = std::make_unique<RetryStore>(std::move(inner), std::move(retry));
  if (use == Use::kCreate) RETURN_IF_ERROR(ProbePutIfAbsent(*store, world.random));
  return store;
}

}  // namespace cairn
