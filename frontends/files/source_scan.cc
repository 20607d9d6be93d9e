#include "frontends/files/source_scan.h"

#include <utility>
#include <vector>

#include "engine/env/thread.h"

namespace cairn {
namespace {

void Scan(FileSource& source, const std::stop_token& stop, ScanTotals& totals) {
  auto root = source.OpenRoot({});
  if (!root) return;
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
}

}  // namespace

std::unique_ptr<std::jthread> StartScan(std::vector<FileSourceOptions> items, const ScanTotals& others,
                                        Progress& progress) {
  std::vector<std::shared_ptr<FileSource>> sources;
  for (FileSourceOptions& options : items) {
    auto made = FileSource::Make(std::move(options));
    if (!made) return nullptr;
    sources.push_back(*std::move(made));
  }
  auto started =
      StartThread([&progress, sources = std::move(sources), totals = others](const std::stop_token& stop) mutable {
        for (const auto& source : sources) Scan(*source, stop, totals);
        if (stop.stop_requested()) return;
        progress.items_total = totals.items;
        progress.bytes_total = totals.bytes;
      });
  return started ? std::make_unique<std::jthread>(*std::move(started)) : nullptr;
}

}  // namespace cairn
