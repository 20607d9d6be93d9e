#include "frontends/import/zip_items.h"

#include <algorithm>
#include <set>

#include "frontends/import/backup_format.h"
#include "frontends/import/spool.h"
#include "frontends/import/sqlite_check.h"

namespace cairn::import {
namespace {

constexpr std::string_view kDatabaseFolder = "database", kRestItem = "metadata";
constexpr size_t kMagicBytes = 16;

class Items {
 public:
  void Add(ItemKind kind, uint32_t page_bytes, std::string_view name, TreeEntryPtr root) {
    std::string unique = IsItemName(name) ? std::string(name) : "item";
    for (int number = 2; !names_.insert(unique).second; ++number)
      unique = fmt::format("{}-{}", IsItemName(name) ? name : "item", number);
    items_.push_back({kind, page_bytes, std::move(unique), {}, std::move(root), {}});
  }
  std::vector<ImportItem> Take() { return std::move(items_); }

 private:
  std::set<std::string> names_;
  std::vector<ImportItem> items_;
};

TreeEntryPtr FolderOf(const TreeEntry& from) {
  auto folder = NewFolder({}, from.entry.modified);
  folder->entry = from.entry;
  folder->entry.name.clear();
  return folder;
}

Result<bool> IsDatabase(const TreeEntry& file) {
  if (!file.open || file.entry.size < kMagicBytes) return false;
  ASSIGN_OR_RETURN(const auto stream, file.open());
  Bytes head(kMagicBytes);
  for (size_t filled = 0; filled < head.size();) {
    ASSIGN_OR_RETURN(const size_t got, stream->Read(MutableByteSpan(head).subspan(filled)));
    if (got == 0) return false;
    filled += got;
  }
  return RecogniseFormat(head) == BackupFormat::kSqlite;
}

Result<uint32_t> CheckCopy(const TreeEntry& file, std::vector<std::string>& notes, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const auto copy, Spool::Make());
  ASSIGN_OR_RETURN(const auto stream, file.open());
  RETURN_IF_ERROR(copy->AppendAll(*stream, stop));
  const std::string shown = PathForPeople(file.entry.name);
  auto checked = CheckDatabase(copy->file(), stop);
  if (!checked) return std::move(checked).error().While("the database " + shown);
  if (!checked->note.empty()) notes.push_back(shown + ": " + checked->note);
  return std::max(checked->page_bytes, kPageBytesMin);
}

bool HasLogBeside(const TreeEntry& folder, const Bytes& name) {
  for (const std::string_view ending : {"-wal", "-journal"}) {
    Bytes beside = name;
    Append(beside, AsBytes(ending));
    const auto found = folder.children.find(beside);
    if (found != folder.children.end() && found->second->entry.size > 0) return true;
  }
  return false;
}

Result<void> AddDatabases(const TreeEntry& folder, Items& items, std::vector<std::string>& notes,
                          const std::stop_token& stop) {
  const TreeEntryPtr rest = FolderOf(folder);
  for (const auto& [name, child] : folder.children) {
    ASSIGN_OR_RETURN(const bool is_database, IsDatabase(*child));
    if (is_database && HasLogBeside(folder, name)) {
      notes.push_back(fmt::format("{} has a log beside it, and is kept as a file, with that", PathForPeople(name)));
    }
    if (!is_database || HasLogBeside(folder, name)) {
      rest->children.emplace(name, child);
      continue;
    }
    ASSIGN_OR_RETURN(const uint32_t page_bytes, CheckCopy(*child, notes, stop));
    const TreeEntryPtr root = FolderOf(folder);
    root->children.emplace(name, child);
    items.Add(ItemKind::kSqlite, page_bytes, folder.children.size() == 1 ? kDatabaseFolder : AsText(name), root);
  }
  if (!rest->children.empty() || folder.children.empty()) items.Add(ItemKind::kFiles, 0, kDatabaseFolder, rest);
  return {};
}

}  // namespace

Result<std::vector<ImportItem>> ItemsOfZip(const TreeEntry& root, std::vector<std::string>& notes,
                                           const std::stop_token& stop) {
  Items items;
  const TreeEntryPtr rest = FolderOf(root);
  for (const auto& [name, child] : root.children) {
    if (child->entry.type != NodeType::kFolder) {
      rest->children.emplace(name, child);
    } else if (AsText(name) == kDatabaseFolder) {
      RETURN_IF_ERROR(AddDatabases(*child, items, notes, stop));
    } else {
      const TreeEntryPtr folder = FolderOf(*child);
      folder->children = child->children;
      items.Add(ItemKind::kFiles, 0, AsText(name), folder);
    }
  }
  if (!rest->children.empty()) items.Add(ItemKind::kFiles, 0, kRestItem, rest);
  return items.Take();
}

}  // namespace cairn::import
