#include "frontends/view/live_view.h"

#include <mutex>
#include <utility>

namespace cairn::view {
namespace {

FindingSink OneAtATime(FindingSink findings) {
  return [mutex = std::make_shared<std::mutex>(), findings = std::move(findings)](const Finding& finding) {
    const std::lock_guard lock(*mutex);
    if (findings) findings(finding);
  };
}

}  // namespace

LiveView::LiveView(FindingSink findings) : findings_(OneAtATime(std::move(findings))) {}
LiveView::~LiveView() = default;

Result<std::unique_ptr<LiveView>> LiveView::Open(Repository& repository, const JobContext& context,
                                                 LiveViewOptions options, FindingSink findings) {
  RETURN_IF_ERROR(repository.keyring().Need(Rights::kMetadataKey, "looking into snapshots"));
  std::unique_ptr<LiveView> view(new LiveView(std::move(findings)));
  LiveView& made = *view;
  made.snapshots_.emplace(repository, context, std::move(options.filter), made.findings_, [&made] {
    IgnoreError(made.reader_->BringIndexIntoStep(), "it is tried again by who misses a blob");
  });
  ASSIGN_OR_RETURN(made.index_, repository.LoadIndex(context, [&made](const SegmentId& id, const Error& error) {
    made.findings_({SeverityOf(error), error.code(), SegmentName(id).text(), error.message()});
  }));
  made.reader_.emplace(repository, *made.index_, context, options.cache_bytes, made.findings_);
  made.tree_.emplace([&made](ViewTree::Look look) { return made.snapshots_->Look(look); }, *made.reader_, made.names_,
                     options.tree, made.findings_);
  return view;
}

}  // namespace cairn::view
