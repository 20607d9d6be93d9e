// A PostgreSQL database as a Source. SPEC section 11.1.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "engine/env/clock.h"
#include "engine/source/source.h"
#include "frontends/postgres/shared_snapshot.h"

namespace cairn {

struct PostgresSourceOptions {
  postgres::Address address;  // of one database
  std::string item;           // its name in the snapshot
  postgres::TableChoice choice;
  bool schema = true, rows = true;
  bool by_key = false;    // rows in the order of the primary key, where there is one
  unsigned sessions = 2;  // tables that are read at once
  uint32_t lock_patience_s = 60;
};

// One item, a folder of files: the schema as pg_dump writes it, each table's rows as COPY does, large objects,
// sequences, roles, and a description of them all. All of one state of the database but for sequences, which are read
// last (a value that is too high does no harm). Whatever cannot be read ends the backup.
class PostgresSource : public Source {
 public:
  // Connects, so that what is wrong with the address, the password or the server's version is told at once.
  static Result<std::unique_ptr<PostgresSource>> Make(PostgresSourceOptions options, const Clock& clock,
                                                      std::stop_token stop);
  ~PostgresSource() override;

  ItemKind kind() const override { return ItemKind::kPostgres; }
  SourceKind chunking() const override { return SourceKind::kRows; }
  bool is_all_or_nothing() const override { return true; }
  std::string name() const override;
  std::vector<Bytes> paths() const override;
  void OpenSoon() override;
  Result<std::shared_ptr<SourceFolder>> OpenRoot(FindingSink findings) override;
  Result<SourceEntry> RootEntry() override;
  Result<void> Finish() override;

 private:
  class Dump;
  class Folder;
  class TextFile;
  class RowsFile;
  class LargeObjectFile;
  struct Shared;
  explicit PostgresSource(std::shared_ptr<Shared> shared);

  Result<std::shared_ptr<Dump>> TakeOpened();

  std::shared_ptr<Shared> shared_;                       // with folders and files
  std::jthread opening_;                                 // OpenSoon's
  std::optional<Result<std::shared_ptr<Dump>>> opened_;  // what came of it: when it has ended
};

}  // namespace cairn
