#include "frontends/cli/table_options.h"

#include <algorithm>

#include "repo-format/tree_path.h"

namespace cairn {

void TableOptions::AddTo(CLI::App& command) {
  command
      .add_option("--strategy", strategy,
                  "What is there: replace it (a PostgreSQL database is kept beside for a while), merge rows into it, "
                  "or refuse")
      ->check(CLI::IsMember({"replace", "merge", "refuse"}))
      ->capture_default_str();
  command
      .add_option(
          "--table", tables,
          "Only tables that match, into the database that is there; those that are missing are made (repeatable)")
      ->type_name("PATTERN");
  command.add_option("--exclude-table", excluded, "Not these tables (repeatable)")->type_name("PATTERN");
  command.add_flag("--data-only", data_only, "Rows into the tables that are there");
  command
      .add_flag("--schema-only", schema_only,
                "Definitions that are not there, and no rows; of a whole PostgreSQL database, all of them")
      ->excludes("--data-only");
  command
      .add_option("--key", keys, "Of a merge: by which columns rows of a table are the same (default: the primary key)")
      ->type_name("TABLE=COLUMN,...");
}

Result<void> TableOptions::RefuseTableMixture(bool of_tables) const {
  const auto refuse = [](const char* why) -> Result<void> { return Error(ErrorCode::kInvalidArgument, why); };
  if (of_tables && strategy == "refuse") {
    return refuse("--strategy refuse is for a whole database: rows of tables are replaced or merged");
  }
  if (!excluded.empty() && !of_tables) {
    return refuse(
        "--exclude-table is for rows into a database in use: give --data-only, --table or --strategy merge too");
  }
  if (!keys.empty() && strategy != "merge") return refuse("--key is for --strategy merge");
  if (schema_only && strategy == "merge") return refuse("--schema-only brings no rows, which --strategy merge is for");
  return {};
}

// "TABLE=COLUMN,COLUMN"
Result<std::map<std::string, std::vector<std::string>>> TableOptions::ParseKeys() const {
  std::map<std::string, std::vector<std::string>> parsed;
  for (const std::string& text : keys) {
    const size_t middle = text.find('=');
    std::vector<std::string> columns;
    for (size_t begin = middle == std::string::npos ? text.size() : middle + 1; begin < text.size();) {
      const size_t end = std::min(text.find(',', begin), text.size());
      if (end > begin) columns.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    if (middle == 0 || columns.empty()) {
      return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no key: write TABLE=COLUMN or TABLE=COLUMN,COLUMN",
                       PathForPeople(AsBytes(text)));
    }
    parsed[text.substr(0, middle)] = std::move(columns);
  }
  return parsed;
}

}  // namespace cairn
