#include "engine/stores/storage_terms.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "engine/store/object_size_store.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

constexpr uint64_t kDay = 86'400;

struct Class {
  std::string_view setting, name;
  uint64_t least_days = 0, least_bytes = 0;
};
constexpr std::array<Class, 11> kClasses = {{
    {"s3.storage-class", "STANDARD_IA", 30, 128 * kKiB},
    {"s3.storage-class", "ONEZONE_IA", 30, 128 * kKiB},
    {"s3.storage-class", "GLACIER_IR", 90, 128 * kKiB},
    {"s3.storage-class", "GLACIER", 90, 0},
    {"s3.storage-class", "DEEP_ARCHIVE", 180, 0},
    // Google's, by its S3.
    {"s3.storage-class", "NEARLINE", 30, 0},
    {"s3.storage-class", "COLDLINE", 90, 0},
    {"s3.storage-class", "ARCHIVE", 365, 0},
    {"azure.access-tier", "Cool", 30, 0},
    {"azure.access-tier", "Cold", 90, 0},
    {"azure.access-tier", "Archive", 180, 0},
}};

// A number and one of these units.
struct Unit {
  std::string_view name;
  uint64_t value = 1;
};
std::optional<uint64_t> Parse(std::string_view text, std::initializer_list<Unit> units) {
  uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  for (const Unit& unit : units) {
    if (unit.name == text && count <= UINT32_MAX) return count * unit.value;
  }
  return std::nullopt;
}

const std::string* Find(const StoreSettings& settings, std::string_view name) {
  const auto found = settings.find(std::string(name));
  return found == settings.end() ? nullptr : &found->second;
}

}  // namespace

Result<uint64_t> ObjectBytesMaxOf(const StoreSettings& settings, uint64_t known) {
  const std::string* text = Find(settings, "store.object-size");
  if (text == nullptr || text->empty()) return known;
  const auto bytes = Parse(*text, {{"", 1}, {"K", kKiB}, {"M", kMiB}, {"G", kGiB}});
  if (bytes && *bytes >= kObjectSizeMin) return *bytes;
  return MakeError(ErrorCode::kInvalidArgument,
                   "store.object-size is \"{}\": it is a number of bytes, as 500M, and 16M at least, for a piece of a "
                   "file of 8 MiB is never cut",
                   *text);
}

bool KeepsInArchive(const StoreSettings& settings) {
  const std::string* storage_class = Find(settings, "s3.storage-class");
  const std::string* tier = Find(settings, "azure.access-tier");
  const bool is_glacier = storage_class != nullptr && (*storage_class == "GLACIER" || *storage_class == "DEEP_ARCHIVE");
  return is_glacier || (tier != nullptr && *tier == "Archive");
}

Result<StorageTerms> TermsOf(const StoreSettings& settings) {
  StorageTerms terms;
  for (const Class& one : kClasses) {
    const std::string* named = Find(settings, one.setting);
    if (named == nullptr || *named != one.name) continue;
    terms = {one.least_days * kDay, one.least_bytes};
  }
  if (const std::string* age = Find(settings, "store.least-age")) {
    const auto parsed = Parse(*age, {{"", 0}, {"d", kDay}, {"h", 3'600}});
    if (!parsed || (*parsed == 0 && *age != "0")) {
      return MakeError(ErrorCode::kInvalidArgument, "store.least-age is \"{}\": it is a time, as 30d, or 0", *age);
    }
    terms.least_age_seconds = *parsed;
  }
  if (const std::string* size = Find(settings, "store.least-size")) {
    const auto parsed = Parse(*size, {{"", 1}, {"K", kKiB}, {"M", kMiB}});
    if (!parsed) {
      return MakeError(ErrorCode::kInvalidArgument, "store.least-size is \"{}\": it is a size, as 128K, or 0", *size);
    }
    terms.least_bytes = *parsed;
  }
  return terms;
}

}  // namespace cairn
