#include <nlohmann/json.hpp>

#include "frontends/cli/command.h"
#include "frontends/cli/postgres_options.h"
#include "frontends/cli/text.h"
#include "frontends/postgres/catalog.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

Result<int> Run(Cli& cli, const std::string& text) {
  ASSIGN_OR_RETURN(postgres::Address address, ParseAddress(cli, text));
  if (address.database().empty()) address = address.WithDatabase("postgres");
  const stream::Waiter waiter(cli.stop());
  ASSIGN_OR_RETURN(const auto connection, postgres::Connection::Open(address, waiter));
  ASSIGN_OR_RETURN(const auto databases, postgres::ListDatabases(*connection));
  if (cli.json()) {
    nlohmann::json all = nlohmann::json::array();
    for (const postgres::DatabaseListing& one : databases) {
      all.push_back({{"name", one.name},
                     {"owner", one.owner},
                     {"encoding", one.encoding},
                     {"bytes", one.bytes},
                     {"comment", one.comment}});
    }
    cli.PrintJson({{"server_version", connection->server_text("server_version")}, {"databases", std::move(all)}});
    return 0;
  }
  Table shown({"Database", "Owner", "Encoding", ">Size", "Comment"});
  for (const postgres::DatabaseListing& one : databases) {
    shown.Add({PathForPeople(AsBytes(one.name)), PathForPeople(AsBytes(one.owner)), one.encoding,
               one.bytes > 0 ? HumanBytes(one.bytes) : "?", PathForPeople(AsBytes(one.comment))});
  }
  cli.Print(shown.Text());
  return 0;
}

}  // namespace

void AddDatabases(CLI::App& app, Cli& cli, Action& action) {
  auto address = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("databases", "List the databases of a PostgreSQL server");
  command->add_option("ADDRESS", *address, "The server: postgresql://user@host, key=value, or env:NAME")->required();
  command->callback([&cli, &action, address] { action = [&cli, address] { return Run(cli, *address); }; });
}

}  // namespace cairn
