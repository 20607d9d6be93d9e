#include "frontends/export/pgdump_plan.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <tuple>

#include "frontends/export/pg_encoding.h"
#include "frontends/postgres/connection.h"

namespace cairn::exports {
namespace {

using postgres::LargeObject;
using postgres::SequenceDescription;
using postgres::TableDescription;

constexpr uint8_t kGroupsLargeObjects = 16;  // since this version large objects stand by groups, with the data
constexpr size_t kGroupMax = 1000;           // large objects of an entry, as pg_dump has them
constexpr const char* kLargeObjectCatalog = "2613";

// "SET client_encoding = 'UTF8';\n"
std::string EncodingOf(const PgdumpToc& toc) {
  for (const PgdumpEntry& entry : toc.entries) {
    if (entry.kind != "ENCODING" || !entry.definition) continue;
    const size_t begin = entry.definition->find('\''), end = entry.definition->rfind('\'');
    if (begin < end) return entry.definition->substr(begin + 1, end - begin - 1);
  }
  return "UTF8";
}

std::array<int, 7> TimeParts(const WireTime& made, int32_t offset_minutes) {
  using namespace std::chrono;
  constexpr int64_t kSecondsMax = 250'000'000'000;  // what a calendar type holds
  const int64_t since_1970 = std::clamp(made.seconds, -kSecondsMax / 4, kSecondsMax);
  const sys_seconds local{seconds(since_1970) + minutes(offset_minutes)};
  const sys_days day = floor<days>(local);
  const year_month_day date(day);
  const hh_mm_ss clock(local - day);
  return {static_cast<int>(clock.seconds().count()),
          static_cast<int>(clock.minutes().count()),
          static_cast<int>(clock.hours().count()),
          static_cast<int>(static_cast<unsigned>(date.day())),
          static_cast<int>(static_cast<unsigned>(date.month())) - 1,
          static_cast<int>(date.year()) - 1900,
          0};
}

class Maker {
 public:
  Maker(postgres::DumpReader& dump, PgdumpPlan& plan) : dump_(dump), plan_(plan), description_(plan.description) {}

  Result<void> Run() {
    if (description_.has_schema) {
      ASSIGN_OR_RETURN(const Bytes schema, dump_.Read(postgres::kSchemaFile));
      ASSIGN_OR_RETURN(plan_.toc, PgdumpToc::Parse(schema));
      may_have_money_ = AsText(schema).find("money") != std::string_view::npos;
    } else {
      BeginWithoutSchema();
    }
    next_id_ = plan_.toc.HighestId() + 1;
    encoding_ = EncodingOf(plan_.toc);
    const PgEncoder encoder(encoding_);
    for (size_t i = 0; i < plan_.toc.entries.size(); ++i) {
      const PgdumpEntry& entry = plan_.toc.entries[i];
      if (entry.kind == "TABLE" || entry.kind == "SEQUENCE") {
        known_.emplace(std::tuple(*entry.kind, entry.schema.value_or(""), entry.tag.value_or("")), i);
      }
    }
    if (plan_.toc.minor < kGroupsLargeObjects) RETURN_IF_ERROR(AddLargeObjectsAlone(encoder));
    RETURN_IF_ERROR(AddTables(encoder));
    RETURN_IF_ERROR(AddSequences(encoder));
    if (plan_.toc.minor >= kGroupsLargeObjects) {
      RETURN_IF_ERROR(AddLargeObjectGroups(encoder));
    } else {
      RETURN_IF_ERROR(AddLargeObjectData(encoder));
    }
    Insert();
    return {};
  }

 private:
  // The oldest form that there is, which each pg_restore reads.
  void BeginWithoutSchema() {
    plan_.toc.database = description_.properties.name;
    plan_.toc.server_version = plan_.toc.dump_version = description_.server_text;
    const auto add = [&](const char* kind, const std::string& definition) {
      PgdumpEntry entry;
      entry.id = static_cast<int>(plan_.toc.entries.size()) + 1;
      entry.tag = entry.kind = kind;
      entry.section = kSectionPreData;
      entry.definition = definition;
      plan_.toc.entries.push_back(std::move(entry));
    };
    add("ENCODING", "SET client_encoding = '" + description_.text_encoding + "';\n");
    add("STDSTRINGS", "SET standard_conforming_strings = 'on';\n");
    add("SEARCHPATH", "SELECT pg_catalog.set_config('search_path', '', false);\n");
  }

  const PgdumpEntry* Find(const char* kind, const std::string& schema, const std::string& name) const {
    const auto found = known_.find(std::tuple(std::string(kind), schema, name));
    return found == known_.end() ? nullptr : &plan_.toc.entries[found->second];
  }

  PgdumpEntry& Add(const char* kind, int section, PgText tag) {
    PgdumpEntry entry;
    entry.id = next_id_++;
    entry.kind = kind;
    entry.section = section;
    entry.tag = std::move(tag);
    added_.push_back(std::move(entry));
    return added_.back();
  }
  // Of the entry that was added last.
  void AddPart(PgdumpPart part) {
    PgdumpEntry& entry = added_.back();
    entry.has_data = true;
    if (entry.file.empty()) entry.file = fmt::format("{}.dat", entry.id);
    part.entry = added_.size() - 1;
    plan_.parts.push_back(std::move(part));
  }

  Result<void> AddTables(const PgEncoder& encoder) {
    for (size_t i = 0; i < description_.tables.size(); ++i) {
      const TableDescription& table = description_.tables[i];
      if (table.file.empty()) continue;
      ASSIGN_OR_RETURN(const std::string schema, encoder.Encode(table.name.schema));
      ASSIGN_OR_RETURN(const std::string name, encoder.Encode(table.name.name));
      ASSIGN_OR_RETURN(const std::string columns, encoder.Encode(table.ColumnList()));
      const PgdumpEntry* const made_by = Find("TABLE", schema, name);
      PgdumpEntry& entry = Add("TABLE DATA", kSectionData, name);
      entry.schema = schema;
      entry.copy = CopyStatement(QualifiedName(made_by, "DROP TABLE ", schema, name), columns);
      // A table of an extension is made by that, and of no entry.
      if (made_by != nullptr) {
        entry.oid = made_by->oid;
        entry.owner = made_by->owner;
        entry.dependencies = {made_by->id};
      }
      AddPart({.entry = 0, .table = i, .large_objects = {}});
    }
    return {};
  }

  // As pg_dump quotes it, where it says it: pg_restore compares.
  static std::string QualifiedName(const PgdumpEntry* made_by, std::string_view verb, const std::string& schema,
                                   const std::string& name) {
    constexpr std::string_view kEnd = ";\n";
    if (made_by != nullptr && made_by->drop && made_by->drop->starts_with(verb) && made_by->drop->ends_with(kEnd)) {
      return made_by->drop->substr(verb.size(), made_by->drop->size() - verb.size() - kEnd.size());
    }
    return postgres::QuoteName(schema) + "." + postgres::QuoteName(name);
  }

  // Rows are UTF-8 whatever the definitions are, and amounts of money as the locale C writes them.
  std::string CopyStatement(const std::string& table, const std::string& columns) const {
    std::string text = may_have_money_ ? "SET lc_monetary = 'C';\n" : "";
    text += "COPY " + table + " " + columns + " FROM stdin";
    if (encoding_ != description_.text_encoding) text += " WITH (ENCODING '" + description_.text_encoding + "')";
    return text + ";\n";
  }

  Result<void> AddSequences(const PgEncoder& encoder) {
    for (const SequenceDescription& sequence : description_.sequences) {
      ASSIGN_OR_RETURN(const std::string schema, encoder.Encode(sequence.name.schema));
      ASSIGN_OR_RETURN(const std::string name, encoder.Encode(sequence.name.name));
      const PgdumpEntry* const made_by = Find("SEQUENCE", schema, name);
      PgdumpEntry& entry = Add("SEQUENCE SET", kSectionData, name);
      entry.schema = schema;
      const std::string quoted = postgres::QuoteLiteral(QualifiedName(made_by, "DROP SEQUENCE ", schema, name));
      entry.definition =
          fmt::format("SELECT pg_catalog.setval({}, {}, {});\n", quoted, sequence.last_value, sequence.is_called);
      if (made_by != nullptr) {
        entry.owner = made_by->owner;
        entry.dependencies = {made_by->id};
      }
    }
    return {};
  }

  // --- large objects ---

  Result<void> AddRights(const LargeObject& object, int id, const std::string& owner, const PgEncoder& encoder) {
    const std::string tag = fmt::format("LARGE OBJECT {}", object.oid);
    if (object.comment) {
      PgdumpEntry& entry = Add("COMMENT", kSectionNone, tag);
      ASSIGN_OR_RETURN(const std::string comment, encoder.Encode(*object.comment));
      entry.definition = fmt::format("COMMENT ON {} IS {};\n", tag, postgres::QuoteLiteral(comment));
      entry.owner = owner;
      entry.dependencies = {id};
    }
    if (!object.grants) return {};
    std::string text = fmt::format("REVOKE ALL ON {} FROM {};\n", tag, postgres::QuoteName(owner));
    for (const postgres::Grant& grant : *object.grants) {
      RETURN_IF_ERROR(postgres::NeedPrivilege(grant.privilege));
      ASSIGN_OR_RETURN(const std::string grantee, encoder.Encode(grant.grantee));
      text += fmt::format("GRANT {} ON {} TO {}{};\n", grant.privilege, tag,
                          grantee.empty() ? "PUBLIC" : postgres::QuoteName(grantee),
                          grant.grantable ? " WITH GRANT OPTION" : "");
    }
    PgdumpEntry& entry = Add("ACL", kSectionNone, tag);
    entry.definition = std::move(text);
    entry.owner = owner;
    entry.dependencies = {id};
    return {};
  }

  // Before 17: an entry makes one, before any rows.
  Result<void> AddLargeObjectsAlone(const PgEncoder& encoder) {
    for (const LargeObject& object : description_.large_objects) {
      ASSIGN_OR_RETURN(const std::string owner, encoder.Encode(object.owner));
      PgdumpEntry& entry = Add("BLOB", kSectionPreData, std::to_string(object.oid));
      entry.catalog = kLargeObjectCatalog;
      entry.oid = std::to_string(object.oid);
      entry.definition = fmt::format("SELECT pg_catalog.lo_create('{}');\n", object.oid);
      entry.drop = fmt::format("SELECT pg_catalog.lo_unlink('{}');\n", object.oid);
      entry.owner = owner;
      first_id_.emplace(object.oid, entry.id);
    }
    return {};
  }
  Result<void> AddLargeObjectData(const PgEncoder& encoder) {
    if (description_.large_objects.empty()) return {};
    PgdumpPart part;
    for (const LargeObject& object : description_.large_objects) {
      ASSIGN_OR_RETURN(const std::string owner, encoder.Encode(object.owner));
      RETURN_IF_ERROR(AddRights(object, first_id_.at(object.oid), owner, encoder));
      part.large_objects.push_back(object.oid);
    }
    std::ranges::sort(part.large_objects);
    Add("BLOBS", kSectionData, "BLOBS").file = "blobs.toc";
    AddPart(std::move(part));
    return {};
  }

  // Since 17: an entry for those of an owner of which nothing else is to be said, by the thousand.
  Result<void> AddLargeObjectGroups(const PgEncoder& encoder) {
    std::map<std::string, std::vector<const LargeObject*>> by_owner;
    std::vector<std::vector<const LargeObject*>> groups;
    for (const LargeObject& object : description_.large_objects) {
      if (object.comment || object.grants) {
        groups.push_back({&object});
        continue;
      }
      auto& open = by_owner[object.owner];
      open.push_back(&object);
      if (open.size() == kGroupMax) groups.push_back(std::exchange(open, {}));
    }
    for (auto& [owner, open] : by_owner) {
      if (!open.empty()) groups.push_back(std::move(open));
    }
    for (auto& group : groups) {
      std::ranges::sort(group, {}, &LargeObject::oid);
      RETURN_IF_ERROR(AddGroup(group, encoder));
    }
    return {};
  }

  Result<void> AddGroup(const std::vector<const LargeObject*>& group, const PgEncoder& encoder) {
    const uint64_t first = group.front()->oid, last = group.back()->oid;
    const std::string tag = first == last ? std::to_string(first) : fmt::format("{}..{}", first, last);
    ASSIGN_OR_RETURN(const std::string owner, encoder.Encode(group.front()->owner));
    PgdumpPart part;
    std::string numbers;
    for (const LargeObject* object : group) {
      numbers += std::to_string(object->oid) + "\n";
      part.large_objects.push_back(object->oid);
    }
    PgdumpEntry& metadata = Add("BLOB METADATA", kSectionData, tag);
    const int id = metadata.id;
    metadata.catalog = kLargeObjectCatalog;
    metadata.oid = std::to_string(first);
    metadata.definition = numbers;
    metadata.drop = "-- dummy";  // pg_restore knows what to do, where there is something here
    metadata.owner = owner;
    if (group.size() == 1) RETURN_IF_ERROR(AddRights(*group.front(), id, owner, encoder));
    PgdumpEntry& data = Add("BLOBS", kSectionData, tag);
    data.owner = owner;
    data.dependencies = {id};
    data.file = fmt::format("blobs_{}.toc", data.id);
    AddPart(std::move(part));
    return {};
  }

  // Before what comes after rows.
  void Insert() {
    std::vector<PgdumpEntry>& entries = plan_.toc.entries;
    const auto place = std::ranges::find(entries, kSectionPostData, &PgdumpEntry::section);
    const auto before = static_cast<size_t>(place - entries.begin());
    entries.insert(place, std::make_move_iterator(added_.begin()), std::make_move_iterator(added_.end()));
    for (PgdumpPart& part : plan_.parts) part.entry += before;
  }

  postgres::DumpReader& dump_;
  PgdumpPlan& plan_;
  const postgres::DatabaseDescription& description_;
  int next_id_ = 1;
  bool may_have_money_ = true;
  std::string encoding_;
  std::map<std::tuple<std::string, std::string, std::string>, size_t> known_;  // kind, schema, name
  std::vector<PgdumpEntry> added_;
  std::map<uint64_t, int> first_id_;  // of large objects, the entries that make them
};

}  // namespace

std::string LargeObjectFile(uint64_t oid) {
  return fmt::format("{}/{}/{}", postgres::kDataFolder, postgres::kLargeObjectsFolder, oid);
}

Result<PgdumpPlan> PgdumpPlan::Make(postgres::DumpReader& dump, const WireTime& made, int32_t offset_minutes) {
  PgdumpPlan plan;
  ASSIGN_OR_RETURN(plan.description, dump.Description());
  RETURN_IF_ERROR(Maker(dump, plan).Run());
  plan.toc.time = TimeParts(made, offset_minutes);
  return plan;
}

}  // namespace cairn::exports
