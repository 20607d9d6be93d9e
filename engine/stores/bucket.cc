#include "engine/stores/bucket.h"

#include <algorithm>

#include "engine/store/s3/s3_store.h"
#include "engine/stores/s3_options.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

constexpr std::string_view kKind = "s3:";
constexpr uint64_t kPieceBytes = 8 * kMiB;

class S3Bucket final : public Bucket {
 public:
  S3Bucket(const s3::Options& options, const Clock& clock, std::shared_ptr<Retry> retry)
      : place_(options.place), store_(s3::S3Store::Open(options, clock)), retry_(std::move(retry)) {}

  Result<void> List(const Each& each) override {
    bool has_any = false;
    RETURN_IF_ERROR(ListBelow(place_.prefix, [&](BucketObject object) {
      has_any = true;
      return each(std::move(object));
    }));
    if (has_any || place_.prefix.empty()) return {};
    const std::string key = place_.prefix.substr(0, place_.prefix.size() - 1);
    return ListBelow(key,
                     [&](BucketObject object) { return object.key == key ? each(std::move(object)) : Result<void>(); });
  }

  Result<void> Read(const BucketObject& object, const Take& take) override {
    for (uint64_t offset = 0; offset < object.size; offset += kPieceBytes) {
      const uint64_t size = std::min(kPieceBytes, object.size - offset);
      ASSIGN_OR_RETURN(const Bytes piece,
                       retry_->Repeat([&] { return store_->GetKeyRange(object.key, object.tag, offset, size); }));
      RETURN_IF_ERROR(take(piece));
    }
    return {};
  }

  std::string AddressOf(const std::string& key) const override {
    return "s3:" + place_.origin.text() + "/" + place_.bucket + "/" + key;
  }

 private:
  Result<void> ListBelow(const std::string& prefix, const Each& each) {
    std::string token;
    do {
      ASSIGN_OR_RETURN(s3::ListedPage page, retry_->Repeat([&] { return store_->ListKeys(prefix, token); }));
      for (s3::ListedObject& object : page.objects) {
        RETURN_IF_ERROR(each({std::move(object.key), object.size, object.modified, std::move(object.tag)}));
      }
      token = std::move(page.next);
    } while (!token.empty());
    return {};
  }

  const s3::Place place_;
  const std::unique_ptr<s3::S3Store> store_;
  const std::shared_ptr<Retry> retry_;
};

}  // namespace

bool NamesBucket(const std::string& address) { return address.starts_with(kKind); }

Result<std::unique_ptr<Bucket>> OpenBucket(const std::string& address, const StoreSettings& settings,
                                           const StoreWorld& world) {
  if (!NamesBucket(address)) return MakeError(ErrorCode::kInvalidArgument, "{} names no bucket", address);
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  ASSIGN_OR_RETURN(const s3::Options options, S3OptionsOf(address.substr(kKind.size()), settings, world, retry));
  return std::make_unique<S3Bucket>(options, world.clock, retry);
}

}  // namespace cairn
