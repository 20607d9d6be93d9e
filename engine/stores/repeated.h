// What stands beside a store that is far: sent again where that may work, and counted. Private to engine/stores.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/store/counting_store.h"
#include "engine/store/object_holder.h"
#include "engine/store/object_locker.h"
#include "engine/store/object_warmer.h"
#include "engine/store/retry.h"

namespace cairn {

// The meter may be nothing.
class Repeated {
 public:
  Repeated(std::shared_ptr<Retry> retry, RequestMeter* meter) : retry_(std::move(retry)), meter_(meter) {}
  // `counts` of a try, by what it gave.
  template <class Call, class Counts>
  auto Send(const Call& call, const Counts& counts) const {
    return retry_->Repeat([&] {
      auto answer = call();
      if (meter_ != nullptr) meter_->Add(counts(answer));
      return answer;
    });
  }

 private:
  std::shared_ptr<Retry> retry_;
  RequestMeter* meter_;
};

class RepeatedLocker final : public ObjectLocker {
 public:
  RepeatedLocker(std::unique_ptr<ObjectLocker> base, Repeated repeated)
      : base_(std::move(base)), repeated_(std::move(repeated)) {}
  Result<bool> ExtendLock(const ObjectName& name) override {
    const uint64_t data = name.text().starts_with(kDataPrefix) ? 1 : 0;
    return repeated_.Send([&] { return base_->ExtendLock(name); },
                          [&](const Result<bool>& extended) -> RequestCounts {
                            if (!extended || !*extended) return {.heads = 1};
                            return {.puts = 1, .heads = 1, .data_puts = data};
                          });
  }

 private:
  const std::unique_ptr<ObjectLocker> base_;
  const Repeated repeated_;
};

class RepeatedHolder final : public ObjectHolder {
 public:
  RepeatedHolder(std::unique_ptr<ObjectHolder> base, Repeated repeated)
      : base_(std::move(base)), repeated_(std::move(repeated)) {}
  Result<void> Hold(const ObjectName& name) override {
    return repeated_.Send([&] { return base_->Hold(name); },
                          [&](const Result<void>&) { return RequestCounts{.puts = 1, .data_puts = IsData(name)}; });
  }
  Result<bool> IsHeld(const ObjectName& name) override {
    return repeated_.Send([&] { return base_->IsHeld(name); },
                          [](const Result<bool>&) { return RequestCounts{.heads = 1}; });
  }
  Result<bool> IsVersionHeld(const ObjectVersion& version) override {
    return repeated_.Send([&] { return base_->IsVersionHeld(version); },
                          [](const Result<bool>&) { return RequestCounts{.heads = 1}; });
  }
  // From the beginning where a page fails.
  Result<void> ListVersions(const std::function<Result<void>(const ObjectVersion&)>& each) override {
    std::vector<ObjectVersion> versions;
    const auto keep = [&](const ObjectVersion& version) -> Result<void> {
      versions.push_back(version);
      return {};
    };
    constexpr uint64_t kPage = 1'000;
    RETURN_IF_ERROR(repeated_.Send(
        [&] {
          versions.clear();
          return base_->ListVersions(keep);
        },
        [&](const Result<void>&) { return RequestCounts{.lists = 1 + versions.size() / kPage}; }));
    for (const ObjectVersion& version : versions) RETURN_IF_ERROR(each(version));
    return {};
  }
  Result<bool> Release(const ObjectVersion& version) override {
    return repeated_.Send([&] { return base_->Release(version); },
                          [&](const Result<bool>& released) -> RequestCounts {
                            if (!released || !*released) return {.heads = 1};
                            return {.puts = 1, .heads = 1, .data_puts = IsData(version.name)};
                          });
  }

 private:
  static uint64_t IsData(const ObjectName& name) { return name.text().starts_with(kDataPrefix) ? 1 : 0; }

  const std::unique_ptr<ObjectHolder> base_;
  const Repeated repeated_;
};

class RepeatedWarmer final : public ObjectWarmer {
 public:
  RepeatedWarmer(std::unique_ptr<ObjectWarmer> base, Repeated repeated)
      : base_(std::move(base)), repeated_(std::move(repeated)) {}
  Result<Warmth> LookAt(const ObjectName& name) override {
    return repeated_.Send([&] { return base_->LookAt(name); },
                          [](const Result<Warmth>&) { return RequestCounts{.heads = 1}; });
  }
  Result<Warmth> WarmUp(const ObjectName& name) override {
    return repeated_.Send([&] { return base_->WarmUp(name); },
                          [](const Result<Warmth>&) { return RequestCounts{.puts = 1, .data_puts = 1}; });
  }
  std::string terms() const override { return base_->terms(); }

 private:
  const std::unique_ptr<ObjectWarmer> base_;
  const Repeated repeated_;
};

}  // namespace cairn
