// An item of a backup that is imported, as a Source.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/source/source.h"

namespace cairn::import {

struct TreeEntry;
class Original;

// What the items of one backup share. Safe for concurrent use.
class ImportState {
 public:
  explicit ImportState(std::shared_ptr<const Original> original) : original_(std::move(original)) {}
  // Keeps the first: what is wrong with the backup, and not with the repository.
  void Note(const Error& error);
  std::optional<Error> error() const;
  Result<void> CheckUnchanged() const;

 private:
  const std::shared_ptr<const Original> original_;
  mutable std::mutex mutex_;
  std::optional<Error> error_;  // guarded by mutex_
};

struct ImportItem {
  ItemKind kind = ItemKind::kStream;
  uint32_t page_bytes = 0;  // of kSqlite
  std::string name;
  std::vector<Bytes> paths;
  std::shared_ptr<const TreeEntry> root;  // a folder
  Bytes parameters;
};

// All of it or nothing. It may be read more than once.
class ImportSource : public Source {
 public:
  ImportSource(ImportItem item, std::shared_ptr<ImportState> state)
      : item_(std::move(item)), state_(std::move(state)) {}

  ItemKind kind() const override { return item_.kind; }
  SourceKind chunking() const override;
  bool is_all_or_nothing() const override { return true; }
  uint32_t page_bytes() const override { return item_.page_bytes; }
  std::string name() const override { return item_.name; }
  std::vector<Bytes> paths() const override { return item_.paths; }
  Result<std::shared_ptr<SourceFolder>> OpenRoot(FindingSink findings) override;
  Result<SourceEntry> RootEntry() override;
  Result<void> Finish() override;
  std::optional<Bytes> parameters() const override { return item_.parameters; }

 private:
  class Folder;
  class File;
  const ImportItem item_;
  const std::shared_ptr<ImportState> state_;
};

}  // namespace cairn::import
