#include "frontends/config/configuration.h"

#include <algorithm>

#include "frontends/config/nearest_name.h"

namespace cairn {
namespace {

template <class Named>
const Named* Find(const std::vector<Named>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &Named::name);
  return found == all.end() ? nullptr : &*found;
}

template <class Named>
std::string Others(const std::vector<Named>& all, const std::string& name) {
  std::vector<std::string> names;
  std::string text;
  for (const Named& one : all) {
    names.push_back(one.name);
    text += (text.empty() ? "" : ", ") + one.name;
  }
  const std::string nearest = NearestName(name, names);
  if (!nearest.empty()) return "; did you mean \"" + nearest + "\"?";
  return all.empty() ? "; there is none" : "; there are " + text;
}

}  // namespace

const ConfiguredRepository* Configuration::FindRepository(std::string_view name) const {
  return Find(repositories, name);
}

const ConfiguredJob* Configuration::FindJob(std::string_view name) const { return Find(jobs, name); }

std::string Configuration::OtherRepositories(const std::string& name) const { return Others(repositories, name); }

std::string Configuration::OtherJobs(const std::string& name) const { return Others(jobs, name); }

bool IsConfiguredName(std::string_view text) {
  constexpr size_t kNameBytesMax = 64;
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= kNameBytesMax && std::ranges::all_of(text, is_letter);
}

}  // namespace cairn
