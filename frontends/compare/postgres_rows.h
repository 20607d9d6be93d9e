// A PostgreSQL database, dumped or live, as a side of a comparison.
#pragma once

#include <memory>

#include "frontends/compare/database_diff.h"
#include "frontends/postgres/dump_reader.h"
#include "frontends/postgres/shared_snapshot.h"

namespace cairn::compare {

// Values are the texts that the server writes of them. What is given outlives the result.
std::unique_ptr<RowsSide> MakeDumpRows(postgres::DumpReader& dump);
std::unique_ptr<RowsSide> MakeLiveRows(postgres::SharedSnapshot& snapshot);

// For DatabaseDiffOptions: of dumps of one repository, tables whose rows are the same stream.
std::function<Result<NarrowedTables>(const TableShape& before, const TableShape& after)> NarrowByStream(
    postgres::DumpReader& before, postgres::DumpReader& after);

}  // namespace cairn::compare
