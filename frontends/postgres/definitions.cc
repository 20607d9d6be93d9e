#include "frontends/postgres/definitions.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "frontends/postgres/connection.h"
#include "repo-format/wire_reader.h"

namespace cairn::postgres {
namespace {

constexpr uint64_t kEntryBytesMin = 40;  // a number and a length for each of its fields
constexpr uint64_t kEntriesMax = 10'000'000;
constexpr uint64_t kTextBytesMax = uint64_t{256} << 20;
constexpr int kTimeParts = 7;
constexpr uint8_t kCustomForm = 1;

template <size_t kCount>
bool IsOneOf(const std::array<const char*, kCount>& words, const std::string& word) {
  return std::ranges::any_of(words, [&](const char* one) { return word == one; });
}

// PostgreSQL's pg_backup_archiver.c, WriteHead and WriteToc: an int is a byte of sign and four more, the lowest first;
// a text is its length, -1 for none, and its bytes.
class ArchiveReader {
 public:
  explicit ArchiveReader(ByteSpan bytes) : wire_(bytes, "create.pgdump") {}

  int64_t Int() {
    const uint8_t sign = wire_.U8();
    const auto size = static_cast<int64_t>(wire_.U32());
    return sign != 0 ? -size : size;
  }
  std::optional<std::string> Text() {
    const int64_t size = Int();
    if (size < 0) return std::nullopt;
    if (static_cast<uint64_t>(size) > kTextBytesMax) wire_.Fail("a text is too long");
    return std::string(AsText(wire_.Raw(wire_.failed() ? 0 : static_cast<uint64_t>(size))));
  }
  std::string TextOrNothing() { return Text().value_or(""); }

  // Up to the count of entries.
  uint64_t Head() {
    if (AsText(wire_.Raw(5)) != "PGDMP") wire_.Fail("it does not begin as pg_dump's custom form does");
    const uint8_t major = wire_.U8();
    minor_ = wire_.U8();
    wire_.U8();
    if (!wire_.failed() && (major != 1 || minor_ < 14 || minor_ > 16)) {
      wire_.Unsupported("it is of another version than 1.14 to 1.16");
    }
    const uint8_t int_bytes = wire_.U8();
    offset_bytes_ = wire_.U8();
    if (!wire_.failed() && (int_bytes != 4 || wire_.U8() != kCustomForm)) wire_.Unsupported("it is of another form");
    if (minor_ >= 15) {
      wire_.U8();
    } else {
      Int();
    }
    for (int i = 0; i < kTimeParts; ++i) Int();
    for (int i = 0; i < 3; ++i) Text();  // the database, its server's version, pg_dump's
    const int64_t count = Int();
    if (count < 0 || static_cast<uint64_t>(count) > std::min(kEntriesMax, wire_.remaining() / kEntryBytesMin)) {
      wire_.Fail("it has more entries than bytes");
    }
    return wire_.failed() ? 0 : static_cast<uint64_t>(count);
  }

  Definition Entry() {
    Definition one;
    one.id = static_cast<int>(Int());
    Int();   // whether it has rows
    Text();  // numbers in the catalog that it comes from
    Text();
    one.name = TextOrNothing();
    one.kind = TextOrNothing();
    Int();  // section
    one.create = TextOrNothing();
    one.drop = TextOrNothing();
    Text();  // COPY
    one.schema = TextOrNothing();
    one.tablespace = TextOrNothing();
    Text();  // access method
    if (minor_ >= 16) Int();
    one.owner = TextOrNothing();
    Text();  // WITH OIDS
    for (auto need = Text(); need && !wire_.failed(); need = Text()) one.needs.insert(std::atoi(need->c_str()));
    wire_.Raw(1);  // where its rows are
    wire_.Raw(offset_bytes_);
    return one;
  }

  Result<void> status() const { return wire_.status(); }

 private:
  WireReader wire_;
  uint8_t minor_ = 0, offset_bytes_ = 0;
};

constexpr std::array kRelations = {"TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW"};
constexpr std::array kRemarks = {"COMMENT", "ACL", "SECURITY LABEL"};
// Their name begins with their table's.
constexpr std::array kParts = {"DEFAULT", "CONSTRAINT", "CHECK CONSTRAINT", "FK CONSTRAINT",
                               "TRIGGER", "RULE",       "POLICY",           "ROW SECURITY"};
constexpr std::array kNamedAlone = {"INDEX", "STATISTICS", "SEQUENCE", "MATERIALIZED VIEW DATA", "PUBLICATION TABLE"};

}  // namespace

std::string Definition::ForPeople() const { return kind + " " + (schema.empty() ? "" : schema + ".") + name; }

bool IsRelation(const Definition& one) { return IsOneOf(kRelations, one.kind); }

// Words of SQL are in capitals there, and names in capitals in quotes.
std::optional<TableName> ReferencedTable(const std::string& create) {
  constexpr std::string_view kWord = " REFERENCES ";
  size_t at = 0;
  bool is_quoted = false;
  for (;; ++at) {
    if (at >= create.size()) return std::nullopt;
    if (create[at] == '"') is_quoted = !is_quoted;
    if (!is_quoted && std::string_view(create).substr(at).starts_with(kWord)) break;
  }
  at += kWord.size();
  const auto take = [&] {
    std::string name;
    const bool in_quotes = at < create.size() && create[at] == '"';
    if (in_quotes) ++at;
    for (; at < create.size(); ++at) {
      if (!in_quotes && (create[at] == '.' || create[at] == '(' || create[at] == ' ')) break;
      if (in_quotes && create[at] == '"' && (++at >= create.size() || create[at] != '"')) break;
      name += create[at];
    }
    return name;
  };
  TableName name{.schema = take(), .name = {}};
  if (at >= create.size() || create[at] != '.') return std::nullopt;
  ++at;
  name.name = take();
  return name;
}

Result<Definitions> Definitions::Parse(ByteSpan archive) {
  ArchiveReader reader(archive);
  Definitions definitions;
  const uint64_t count = reader.Head();
  RETURN_IF_ERROR(reader.status());
  for (uint64_t i = 0; i < count; ++i) {
    Definition one = reader.Entry();
    RETURN_IF_ERROR(reader.status());
    if (one.id <= 0 || !definitions.by_id_.emplace(one.id, i).second) {
      return Corrupt("create.pgdump has an entry with the number {}, which {}", one.id,
                     one.id <= 0 ? "is none" : "another has too");
    }
    definitions.all_.push_back(std::move(one));
  }
  for (const Definition& one : definitions.all_) {
    const Definition* owner = definitions.OwnerOf(one);
    if (owner != nullptr) definitions.theirs_.emplace(owner->id, one.id);
  }
  return definitions;
}

std::set<int> Definitions::ids() const {
  std::set<int> ids;
  for (const auto& [id, place] : by_id_) ids.insert(id);
  return ids;
}

std::set<std::string> Definitions::TablespacesOf(const std::set<int>& ids) const {
  std::set<std::string> names;
  for (const int id : ids) {
    const Definition* one = Find(id);
    if (one != nullptr && !one->tablespace.empty()) names.insert(one->tablespace);
  }
  return names;
}

const Definition* Definitions::Find(int id) const {
  const auto found = by_id_.find(id);
  return found != by_id_.end() ? &all_[found->second] : nullptr;
}

std::string Definitions::ListOf(const std::set<int>& ids) const {
  std::string text;
  for (const Definition& one : all_) {
    if (ids.contains(one.id)) text += std::to_string(one.id) + ";\n";
  }
  return text;
}

const Definition* Definitions::FindTable(const TableName& name) const {
  const auto found = std::ranges::find_if(all_, [&](const Definition& one) {
    return IsRelation(one) && one.kind != "VIEW" && one.schema == name.schema && one.name == name.name;
  });
  return found != all_.end() ? &*found : nullptr;
}

bool Definitions::IsOwner(const Definition& owner, const Definition& one) const {
  if (IsOneOf(kRemarks, one.kind)) return true;
  if (IsOneOf(kParts, one.kind)) {
    return IsRelation(owner) && one.schema == owner.schema &&
           (one.kind == "ROW SECURITY" ? one.name == owner.name : one.name.starts_with(owner.name + " "));
  }
  // A partition's, not its parent's; an index that makes a constraint is named as that.
  if (one.kind == "TABLE ATTACH" || one.kind == "INDEX ATTACH") {
    return one.schema == owner.schema &&
           (one.name == owner.name || (owner.kind == "CONSTRAINT" && owner.name.ends_with(" " + one.name)));
  }
  if (IsOneOf(kNamedAlone, one.kind)) return IsRelation(owner);
  return one.kind == "SEQUENCE OWNED BY" && owner.kind == "SEQUENCE";
}

// Of two tables "a" and "a b" the latter has "a b c".
const Definition* Definitions::OwnerOf(const Definition& one) const {
  const Definition* best = nullptr;
  for (const int id : one.needs) {
    const Definition* need = Find(id);
    if (need == nullptr || need->id == one.id || !IsOwner(*need, one)) continue;
    if (best == nullptr || need->name.size() > best->name.size()) best = need;
  }
  // The index of a constraint is no entry, but its comment is one, which needs nothing that is there.
  constexpr std::string_view kOfIndex = "INDEX ";
  if (best != nullptr || one.kind != "COMMENT" || !one.name.starts_with(kOfIndex)) return best;
  const std::string index = one.name.substr(kOfIndex.size());
  const auto constraint = std::ranges::find_if(all_, [&](const Definition& other) {
    if (other.kind != "CONSTRAINT" || other.schema != one.schema) return false;
    // A name in quotes is written so there, and as it is here.
    const std::string& name = other.name;
    for (size_t at = name.find(' '); at != std::string::npos; at = name.find(' ', at + 1)) {
      if (name.compare(at + 1, std::string::npos, index) == 0 || QuoteName(name.substr(at + 1)) == index) return true;
    }
    return false;
  });
  return constraint != all_.end() ? &*constraint : nullptr;
}

std::set<int> Definitions::WithTheirs(std::set<int> roots) const {
  for (std::vector<int> queue(roots.begin(), roots.end()); !queue.empty();) {
    const auto [begin, end] = theirs_.equal_range(queue.back());
    queue.pop_back();
    for (auto it = begin; it != end; ++it) {
      if (roots.insert(it->second).second) queue.push_back(it->second);
    }
  }
  return roots;
}

std::set<int> Definitions::NeedsOf(const std::set<int>& ids) const {
  std::set<int> needs;
  for (const int id : ids) {
    if (const Definition* one = Find(id)) needs.insert(one->needs.begin(), one->needs.end());
  }
  std::erase_if(needs, [&](int id) { return ids.contains(id) || Find(id) == nullptr; });
  return needs;
}

std::vector<TableName> Definitions::PartitionsOf(const TableName& name) const {
  std::vector<TableName> found;
  const Definition* table = FindTable(name);
  if (table == nullptr) return found;
  std::set<int> parents = {table->id};
  // A partition is made before it is attached, and attached in any order.
  for (size_t before = 0; before != parents.size();) {
    before = parents.size();
    for (const Definition& one : all_) {
      if (one.kind != "TABLE ATTACH") continue;
      const Definition* partition = FindTable({one.schema, one.name});
      const bool is_theirs = std::ranges::any_of(one.needs, [&](int id) { return parents.contains(id); });
      if (partition == nullptr || !is_theirs || !parents.insert(partition->id).second) continue;
      found.push_back({one.schema, one.name});
    }
  }
  return found;
}

std::vector<const Definition*> Definitions::ForeignKeysTo(const TableName& name) const {
  std::vector<const Definition*> found;
  for (const Definition& one : all_) {
    if (one.kind == "FK CONSTRAINT" && ReferencedTable(one.create) == name) found.push_back(&one);
  }
  return found;
}

}  // namespace cairn::postgres
