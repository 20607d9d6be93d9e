#include "frontends/view/live_snapshots.h"

#include <string>
#include <system_error>
#include <vector>

namespace cairn::view {

LiveSnapshots::LiveSnapshots(Repository& repository, const JobContext& context, SnapshotFilter filter,
                             FindingSink findings, std::function<void()> changed)
    : repository_(repository),
      context_(context),
      filter_(std::move(filter)),
      findings_(std::move(findings)),
      changed_(std::move(changed)),
      names_([&clock = context.clock](const WireTime& time) { return LocalTimeName(time, clock); }) {
  try {
    first_ = std::jthread([this] { LoadFirst(); });
  } catch (const std::system_error& error) {  // then who looks first loads them
    context_.log.Debug("no thread to load the snapshots in: {}", error.what());
  }
}

void LiveSnapshots::LoadFirst() {
  const std::lock_guard lock(renewing_);
  if (Known() != nullptr) return;  // who looked was quicker
  const auto loaded = Renew();
  if (!loaded) context_.log.Warning("loading the snapshots: {}", loaded.error().message());
}

LiveSnapshots::~LiveSnapshots() = default;

// A snapshot that came, went or was changed by a note changes one of these lists. Sums, for a listing has no order.
Result<LiveSnapshots::ListingMark> LiveSnapshots::List() {
  ListingMark mark{};
  for (const std::string_view prefix : {kSnapshotPrefix, kNotePrefix}) {
    RETURN_IF_ERROR(repository_.store().List(prefix, [&](const ObjectInfo& info) -> Result<void> {
      const std::string text = fmt::format("{} {} {}", info.name.text(), info.size, info.modified);
      mark.first += hash_(AsBytes(text));
      ++mark.second;
      return {};
    }));
  }
  return mark;
}

Result<void> LiveSnapshots::Load(const ListingMark& mark) {
  const FindingSink once = [this](const Finding& finding) {
    if (told_.insert(finding.object + finding.detail).second && findings_) findings_(finding);
  };
  ASSIGN_OR_RETURN(SnapshotSet set, LoadSnapshots(repository_, context_, once));
  const auto doubt = DoubtOfLatest(set, "latest", filter_ != nullptr, ParsedName::Kind::kSnapshot);
  std::vector<ShownSnapshot> shown;
  for (LoadedSnapshot& snapshot : set.snapshots) {
    if (!snapshot.opened || (filter_ && !filter_(snapshot))) continue;
    shown.push_back(std::make_shared<const LoadedSnapshot>(std::move(snapshot)));
  }
  auto folders = std::make_shared<const SnapshotFolders>(shown, names_);
  if (doubt && folders->has_latest()) {  // programs go by that name
    const std::string detail = doubt->message() + ": the newest of those that can be read is shown";
    once({Finding::Severity::kWarning, doubt->code(), "latest", detail});
  }
  mark_ = mark;
  const std::lock_guard lock(mutex_);
  folders_ = std::move(folders);
  return {};
}

std::shared_ptr<const SnapshotFolders> LiveSnapshots::Known() {
  const std::lock_guard lock(mutex_);
  return folders_;
}

// Lists first: what comes while it loads is found by the next look.
Result<void> LiveSnapshots::Renew() {
  const bool is_first = Known() == nullptr;
  auto mark = List();
  auto renewed = mark ? Result<void>() : Result<void>(mark.error());
  if (mark && (is_first || *mark != mark_)) {
    renewed = Load(*mark);
    if (renewed && !is_first && changed_) changed_();
  }
  const std::lock_guard lock(mutex_);
  looked_at_ = context_.clock.Steady();
  return renewed;
}

std::chrono::nanoseconds LiveSnapshots::Pause(ViewTree::Look look) const {
  using std::chrono::seconds;
  // No program forgets a snapshot and prunes what it needed in so short a time.
  if (look == ViewTree::Look::kDoubt) return std::chrono::milliseconds(100);
  return repository_.store().is_far() ? seconds(30) : seconds(3);
}

Result<std::shared_ptr<const SnapshotFolders>> LiveSnapshots::Look(ViewTree::Look look) {
  const auto now = [&]() -> std::pair<std::shared_ptr<const SnapshotFolders>, bool> {
    const std::lock_guard lock(mutex_);
    return {folders_, context_.clock.Steady() - looked_at_ < Pause(look)};
  };
  auto [folders, is_new] = now();
  if ((folders != nullptr && is_new) || look == ViewTree::Look::kAtOnce) return folders;
  std::unique_lock lock(renewing_, std::defer_lock);
  if (folders != nullptr && look == ViewTree::Look::kUsual) {
    if (!lock.try_lock()) return folders;
  } else {
    lock.lock();
    std::tie(folders, is_new) = now();
    if (folders != nullptr && is_new) return folders;
  }
  const auto renewed = Renew();
  std::tie(folders, is_new) = now();
  if (folders == nullptr) return renewed.error();
  if (!renewed) context_.log.Warning("looking for new snapshots: {}", renewed.error().message());
  return folders;
}

}  // namespace cairn::view
