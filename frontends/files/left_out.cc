#include "frontends/files/left_out.h"

#include <algorithm>

#include "frontends/files/folder_names.h"
#include "frontends/files/recorded_rules.h"

namespace cairn {
namespace {

class LeftOutByRules final : public LeftOut {
 public:
  LeftOutByRules(FilesParameters parameters, ExcludeRules rules, std::vector<Bytes> paths)
      : parameters_(std::move(parameters)), rules_(std::move(rules)), paths_(std::move(paths)) {}

  bool Entry(const TreePath& path, const SinkExisting& existing) const override {
    if (existing.type == NodeType::kFile && existing.size > parameters_.larger_than.value_or(UINT64_MAX)) return true;
    return !rules_.empty() && rules_.Excludes(path, BaseOf(path), existing.type == NodeType::kFolder);
  }

  // Where nothing of a folder was kept, or only the way to another given path, it may have been of another file system.
  bool Others(const TreePath& folder, const std::set<Bytes>& names) const override {
    return parameters_.one_file_system && std::ranges::all_of(names, [&](const Bytes& name) {
             const TreePath path = JoinPath(folder, name);
             return std::ranges::any_of(paths_, [&](const Bytes& given) { return IsIn(InsideOf(given), path); });
           });
  }

  // A tag without the signature of its standard is no tag; to spare a folder for it costs nothing.
  bool Marks(const Bytes& name) const override {
    if (parameters_.caches && AsText(name) == files::kCacheTagName) return true;
    return std::ranges::find(parameters_.markers, AsText(name)) != parameters_.markers.end();
  }

 private:
  // How long the given path is that this one is in: the innermost, which decided when it was backed up.
  size_t BaseOf(const TreePath& path) const {
    size_t base = 0;
    for (const Bytes& given : paths_) {
      const ByteSpan inside = InsideOf(given);
      if (path.size() > inside.size() && IsIn(path, inside)) base = std::max(base, inside.size());
    }
    return base;
  }

  // A given path without the slash of the root.
  static ByteSpan InsideOf(const Bytes& given) { return ByteSpan(given).subspan(given.empty() ? 0 : 1); }
  // Is `path` the folder, or in it?
  static bool IsIn(ByteSpan path, ByteSpan folder) {
    return path.size() >= folder.size() && Equal(path.first(folder.size()), folder) &&
           (folder.empty() || path.size() == folder.size() || path[folder.size()] == '/');
  }

  const FilesParameters parameters_;
  const ExcludeRules rules_;
  const std::vector<Bytes> paths_;
};

}  // namespace

Result<std::unique_ptr<LeftOut>> LeftOutOf(const SnapshotItem& item) {
  ASSIGN_OR_RETURN(auto recorded, RecordedRulesOf(item));
  if (!recorded) return std::unique_ptr<LeftOut>();
  return std::unique_ptr<LeftOut>(
      std::make_unique<LeftOutByRules>(std::move(recorded->parameters), std::move(recorded->excludes), item.paths));
}

}  // namespace cairn
