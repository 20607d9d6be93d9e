// What of two states of a SQLite database has to be read to tell which rows differ.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/tree/file_view.h"
#include "frontends/compare/database_diff.h"
#include "frontends/query/query_database.h"

namespace cairn::compare {

// A database in a snapshot. Borrows.
struct StoredDatabase {
  query::QueryDatabase& database;
  BlobSource& blobs;
  std::shared_ptr<const Node> file;
  std::shared_ptr<const FileView> view;
};

// For DatabaseDiffOptions, of databases of one repository: a leaf page of a table that is the same blob at the same
// place in both has the same rows, which need not be read; of a table that is all made of such, none. Where it cannot
// be told (another page size, pages of long values that changed, a definition that did) everything is read. `tell` is
// told what was found, for who wants to know; may be empty. Memory: some bits a page.
std::function<Result<NarrowedTables>(const TableShape& before, const TableShape& after)> NarrowByPages(
    const StoredDatabase& before, const StoredDatabase& after, std::function<void(const std::string&)> tell);

}  // namespace cairn::compare
