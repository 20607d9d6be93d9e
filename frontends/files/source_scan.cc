#include "frontends/files/source_scan.h"

#include <vector>

namespace cairn {
namespace {

struct Totals {
  uint64_t items = 0, bytes = 0;
};

Totals Scan(FileSource& source, const std::stop_token& stop) {
  Totals totals;
  auto root = source.OpenRoot({});
  if (!root) return totals;
  std::vector<std::shared_ptr<SourceFolder>> waiting{*std::move(root)};
  while (!waiting.empty() && !stop.stop_requested()) {
    const std::shared_ptr<SourceFolder> folder = std::move(waiting.back());
    waiting.pop_back();
    auto entries = folder->List();
    if (!entries) continue;
    for (const SourceEntry& entry : *entries) {
      ++totals.items;
      if (entry.type != NodeType::kFolder) {
        totals.bytes += entry.size;
      } else if (auto inner = folder->OpenFolder(entry)) {
        waiting.push_back(*std::move(inner));
      }
    }
  }
  return totals;
}

}  // namespace

std::unique_ptr<std::jthread> StartScan(FileSourceOptions options, Progress& progress) {
  auto made = FileSource::Make(std::move(options));
  if (!made) return nullptr;
  return std::make_unique<std::jthread>(
      [&progress, source = std::shared_ptr<FileSource>(*std::move(made))](const std::stop_token& stop) {
        const Totals totals = Scan(*source, stop);
        if (stop.stop_requested()) return;
        progress.items_total = totals.items;
        progress.bytes_total = totals.bytes;
      });
}

}  // namespace cairn
