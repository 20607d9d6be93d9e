// What a dump's create.pgdump defines, entry by entry.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "frontends/postgres/description.h"

namespace cairn::postgres {

// An entry of pg_dump's table of contents, in its own words.
struct Definition {
  int id = 0;
  std::string kind;          // "TABLE", "FK CONSTRAINT", "COMMENT"
  std::string schema, name;  // "public", "orders orders_pkey"; of a function with its arguments
  std::string owner, tablespace, create, drop;
  std::set<int> needs;  // what must be there before it, of the same dump

  std::string ForPeople() const;  // "FK CONSTRAINT public.orders orders_who_fkey"
  friend auto operator<=>(const Definition&, const Definition&) = default;
};

// A table, partitioned or not, a foreign one, a view of either kind.
bool IsRelation(const Definition& one);
// The table that a foreign key refers to; nothing where the text is no foreign key's.
std::optional<TableName> ReferencedTable(const std::string& create);

// A value. In the order in which they are made.
class Definitions {
 public:
  // pg_dump's custom form, 1.14 to 1.16 (pg_dump 12 to 18). kCorrupt, kUnsupported (another form).
  static Result<Definitions> Parse(ByteSpan archive);

  const std::vector<Definition>& all() const { return all_; }
  std::set<int> ids() const;
  std::set<std::string> TablespacesOf(const std::set<int>& ids) const;  // that are named
  const Definition* Find(int id) const;
  // For pg_restore's --use-list, in the order in which they are made.
  std::string ListOf(const std::set<int>& ids) const;
  // A table, partitioned table, foreign table or materialised view.
  const Definition* FindTable(const TableName& name) const;
  // These and what belongs to them and goes where they go: defaults, indexes, constraints, triggers, rules, policies,
  // statistics, sequences that they own, their place as a partition, comments, grants. Foreign keys from them too.
  std::set<int> WithTheirs(std::set<int> roots) const;
  // What it belongs to; nullptr: to nothing, it is a root.
  const Definition* OwnerOf(const Definition& one) const;
  bool IsRoot(const Definition& one) const { return OwnerOf(one) == nullptr; }
  // What they need and are not.
  std::set<int> NeedsOf(const std::set<int>& ids) const;
  // Partitions of a partitioned table, and theirs, as the dump has them.
  std::vector<TableName> PartitionsOf(const TableName& name) const;
  // Foreign keys of other tables that refer to `name`.
  std::vector<const Definition*> ForeignKeysTo(const TableName& name) const;

 private:
  bool IsOwner(const Definition& owner, const Definition& one) const;

  std::vector<Definition> all_;
  std::map<int, size_t> by_id_;
  std::multimap<int, int> theirs_;  // by what they belong to
};

}  // namespace cairn::postgres
