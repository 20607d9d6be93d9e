#include "frontends/postgres/in_place_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace cairn::postgres {
namespace {

constexpr size_t kNamedMax = 10;

// Some kinds have one name for several things, which their statements tell apart.
using Key = std::tuple<std::string, std::string, std::string, std::string>;
Key KeyOf(const Definition& one) {
  return {one.kind, one.schema, one.name, one.kind == "DEFAULT ACL" ? one.owner : one.drop};
}

// pg_restore sees to these, whatever is chosen.
bool IsOfSession(const Definition& one) {
  return one.kind == "ENCODING" || one.kind == "STDSTRINGS" || one.kind == "SEARCHPATH" || one.kind == "DATABASE";
}

bool HasRowsOrTheirCopy(const Definition& one) { return one.kind == "TABLE" || one.kind == "MATERIALIZED VIEW"; }

// Never dropped: others' things are in them, or a slot on another server hangs on it.
bool IsFirm(const Definition& one) {
  return one.kind == "SCHEMA" || one.kind == "EXTENSION" || one.kind == "SUBSCRIPTION" || one.kind == "DEFAULT ACL";
}

struct Root {
  const Definition* one = nullptr;
  std::set<int> ids;  // with what belongs to it
};
using Roots = std::map<Key, Root>;

Roots RootsOf(const Definitions& definitions) {
  Roots roots;
  for (const Definition& one : definitions.all()) {
    if (IsOfSession(one) || !definitions.IsRoot(one)) continue;
    Key key = KeyOf(one);
    while (roots.contains(key)) std::get<3>(key) += one.create + "\n";  // none is lost
    roots[key] = {&one, definitions.WithTheirs({one.id})};
  }
  return roots;
}

using Facts = std::multiset<std::tuple<std::string, std::string, std::string, std::string, std::string>>;
Facts FactsOf(const Definitions& definitions, const std::set<int>& ids) {
  Facts facts;
  for (const int id : ids) {
    const Definition& one = *definitions.Find(id);
    facts.insert({one.kind, one.schema, one.name, one.owner, one.create});
  }
  return facts;
}

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kNamedMax); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kNamedMax) text += fmt::format(" and {} more", names.size() - kNamedMax);
  return text;
}

class Comparison {
 public:
  Comparison(const Definitions& live, const Definitions& dump, const Definitions& former)
      : live_(live), dump_(dump), live_roots_(RootsOf(live)), dump_roots_(RootsOf(dump)) {
    for (const auto& [key, root] : RootsOf(former)) former_.insert(key);
  }

  InPlaceChanges Run() {
    DropWhatChanges();
    DropWhatStandsOnThat();
    Make();
    LookAtWhatStays();
    LookAtWhatGoesToo();
    return std::move(changes_);
  }

 private:
  bool IsTheDumps(const Key& key) const { return dump_roots_.contains(key); }

  void Drop(const Root& root) {
    dropped_roots_.insert(root.one->id);
    changes_.dropped.insert(root.ids.begin(), root.ids.end());
  }

  void DropWhatChanges() {
    for (const auto& [key, root] : live_roots_) {
      if (IsFirm(*root.one)) continue;
      const auto same = dump_roots_.find(key);
      const bool is_the_dumps = same != dump_roots_.end();
      const bool changes = is_the_dumps && (HasRowsOrTheirCopy(*root.one) ||
                                            FactsOf(live_, root.ids) != FactsOf(dump_, same->second.ids));
      if (changes || (!is_the_dumps && former_.contains(key))) Drop(root);
    }
  }

  bool StandsOnDropped(const Root& root) const {
    const std::set<int> needs = live_.NeedsOf(root.ids);
    return std::ranges::any_of(needs, [&](int id) { return changes_.dropped.contains(id); });
  }

  void DropWhatStandsOnThat() {
    for (size_t before = SIZE_MAX; before != dropped_roots_.size();) {
      before = dropped_roots_.size();
      for (const auto& [key, root] : live_roots_) {
        if (dropped_roots_.contains(root.one->id) || IsFirm(*root.one) || !IsTheDumps(key)) continue;
        if (StandsOnDropped(root)) Drop(root);
      }
    }
  }

  void Make() {
    for (const auto& [key, root] : dump_roots_) {
      const auto same = live_roots_.find(key);
      if (same == live_roots_.end() || dropped_roots_.contains(same->second.one->id)) {
        changes_.made.insert(root.ids.begin(), root.ids.end());
        RefuseNameOfOther(*root.one);
        continue;
      }
      ++changes_.kept;
      if (!IsFirm(*root.one) || FactsOf(live_, same->second.ids) == FactsOf(dump_, root.ids)) continue;
      changes_.notes.push_back(
          fmt::format("the {} stays as it is, with its owner, grants and comment: in the dump they are others",
                      root.one->ForPeople()));
    }
    LeaveOutForeignKeys();
  }

  // A view where the dump has a table, for example.
  void RefuseNameOfOther(const Definition& one) {
    if (!IsRelation(one) && one.kind != "SEQUENCE") return;
    for (const auto& [key, root] : live_roots_) {
      const Definition& other = *root.one;
      const bool is_relation = IsRelation(other) || other.kind == "SEQUENCE";
      if (!is_relation || other.schema != one.schema || other.name != one.name || other.kind == one.kind) continue;
      if (dropped_roots_.contains(other.id)) continue;
      changes_.problems.push_back(
          fmt::format("the {} is a {} in the dump: rename or drop it, or give --as NAME", other.ForPeople(), one.kind));
    }
  }

  bool WillBeThere(const TableName& name) const {
    const Definition* made = dump_.FindTable(name);
    const Definition* live = live_.FindTable(name);
    return made != nullptr || (live != nullptr && !changes_.dropped.contains(live->id));
  }

  void LeaveOutForeignKeys() {
    std::set<int> without;
    for (const int id : changes_.made) {
      const Definition& one = *dump_.Find(id);
      const auto parent = one.kind == "FK CONSTRAINT" ? ReferencedTable(one.create) : std::nullopt;
      if (!parent || WillBeThere(*parent)) continue;
      without.insert(id);
      changes_.notes.push_back(fmt::format("the foreign key {}.{} is left out, for there is no table {}", one.schema,
                                           one.name, parent->ForPeople()));
    }
    for (const int id : dump_.WithTheirs(without)) changes_.made.erase(id);
  }

  void LookAtWhatStays() {
    std::vector<std::string> staying, standing;
    for (const auto& [key, root] : live_roots_) {
      if (IsTheDumps(key) || dropped_roots_.contains(root.one->id)) continue;
      ++changes_.staying;
      (StandsOnDropped(root) ? standing : staying).push_back(root.one->ForPeople());
    }
    if (!standing.empty()) {
      changes_.problems.push_back(
          fmt::format("these are not the dump's, and stand on what is dropped and made again: {}; drop them first, or "
                      "restore under "
                      "another name (--as NAME)",
                      Listed(standing)));
    }
    if (!staying.empty()) {
      changes_.notes.push_back(fmt::format("the dump has not, and they stay as they are: {}", Listed(staying)));
    }
  }

  // An index, a trigger, a grant of a table that is made again as the dump has it.
  void LookAtWhatGoesToo() {
    std::vector<std::string> going;
    for (const auto& [key, root] : live_roots_) {
      const auto same = dump_roots_.find(key);
      if (!dropped_roots_.contains(root.one->id) || same == dump_roots_.end()) continue;
      std::set<Key> theirs;
      for (const int id : same->second.ids) theirs.insert(KeyOf(*dump_.Find(id)));
      for (const int id : root.ids) {
        const Definition& one = *live_.Find(id);
        if (!theirs.contains(KeyOf(one))) going.push_back(one.ForPeople());
      }
    }
    if (going.empty()) return;
    changes_.notes.push_back(fmt::format("the dump has not, and they go with what they belong to: {}", Listed(going)));
  }

  const Definitions& live_;
  const Definitions& dump_;
  const Roots live_roots_, dump_roots_;
  std::set<Key> former_;
  std::set<int> dropped_roots_;
  InPlaceChanges changes_;
};

}  // namespace

InPlaceChanges CompareDefinitions(const Definitions& live, const Definitions& dump, const Definitions& former) {
  return Comparison(live, dump, former).Run();
}

}  // namespace cairn::postgres
