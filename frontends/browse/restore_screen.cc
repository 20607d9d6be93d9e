#include "frontends/browse/restore_screen.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "engine/env/number_text.h"
#include "engine/tree/snapshot_tree.h"
#include "frontends/browse/glyphs.h"
#include "frontends/browse/snapshot_text.h"

namespace cairn::browse {
namespace {

constexpr size_t kMarksShown = 6, kLabelWidth = 12;

// "~/out" as a shell has it; from the current folder where it is not absolute.
std::string WholePath(const std::string& given) {
  std::string path = given;
  const char* home = std::getenv("HOME");
  if (home != nullptr && (path == "~" || path.starts_with("~/"))) path = home + path.substr(1);
  std::error_code error;
  const auto whole = std::filesystem::absolute(path, error);
  return error ? path : whole.lexically_normal().string();
}

std::string Bar(double part, size_t width) {
  const auto full = static_cast<size_t>(std::clamp(part, 0.0, 1.0) * static_cast<double>(width));
  return "[" + std::string(full, '#') + std::string(width - full, ' ') + "]";
}

// How much there is to do; what cannot be read now is told by the restore itself.
void Measure(BlobSource& blobs, const RestoreRequest& request, const Marks& marks, Progress& progress,
             const std::stop_token& stop) {
  const SnapshotInner& inner = request.snapshot->inner;
  if (marks.empty()) {
    progress.items_total = inner.totals.files + inner.totals.others;
    progress.bytes_total = inner.totals.bytes;
    return;
  }
  uint64_t items = 0, bytes = 0;
  TreeVisitor visitor;
  visitor.each = [&](const TreePath&, const Node& node) -> Result<bool> {
    if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "stopped");
    items += node.type == NodeType::kFolder ? 0 : 1;
    bytes += node.size;
    return true;
  };
  visitor.failed = [](const TreePath&, const Error&) -> Result<void> { return {}; };
  for (const auto& [path, mark] : marks.all()) {
    const auto place = FindInSnapshot(blobs, *request.snapshot, path);
    if (!place) continue;
    if (place->is_folder()) {
      IgnoreError(WalkSnapshot(blobs, inner, *place, visitor), "only a total: the restore says what is wrong");
    } else {
      ++items;
      bytes += place->node.size;
    }
  }
  progress.items_total = items;
  progress.bytes_total = bytes;
}

}  // namespace

struct RestoreScreen::Run {
  Progress progress;
  Messages findings;
};

RestoreScreen::RestoreScreen(ScreenHost& host, view::ShownSnapshot snapshot, Marks marks)
    : Screen(host), snapshot_(std::move(snapshot)), marks_(std::move(marks)) {}

RestoreScreen::~RestoreScreen() = default;

std::string RestoreScreen::Title() const {
  return "restore from " + PlaceOf(*snapshot_, marks_.CommonFolder(), world().context.clock);
}

RestoreRequest RestoreScreen::Request() const {
  RestoreRequest request{.snapshot = snapshot_,
                         .folder = marks_.CommonFolder(),
                         .target = target_given_,
                         .replaces = replaces_,
                         .verifies = verifies_};
  if (marks_.empty()) return request;
  request.take = [marks = marks_](const TreePath& path, const Node&) { return marks.Covers(path); };
  request.descend = [marks = marks_](const TreePath& path) { return marks.HasBelow(path); };
  return request;
}

void RestoreScreen::Start() {
  target_given_ = WholePath(target_.text());
  state_ = State::kRunning;
  run_ = std::make_shared<Run>();
  began_ = world().context.clock.Steady();
  run_->progress.SetPhase("looking");
  reading_.Start(world().readers,
                 [world = world(), request = Request(), marks = marks_,
                  run = run_](const std::stop_token& stop) -> Result<RestoreReport> {
                   const JobContext& outer = world.context;
                   const JobContext context{outer.executor, outer.clock, outer.random, run->progress,
                                            outer.log,      stop,        outer.limits};
                   Measure(world.view.reader(), request, marks, run->progress, stop);
                   run->progress.SetPhase("restoring");
                   return world.restore(request, context,
                                        [run](const Finding& finding) { run->findings.Add(finding); });
                 });
}

void RestoreScreen::Poll() {
  if (state_ != State::kRunning) return;
  auto report = reading_.Take();
  const auto told = run_->findings.all();
  const uint64_t count = run_->findings.count();
  const uint64_t fresh = std::min<uint64_t>(count - findings_shown_, told.size());
  for (size_t i = told.size() - fresh; i < told.size(); ++i) {
    const bool is_damage = told[i].severity == Finding::Severity::kDamage;
    findings_.Append({told[i].text, is_damage                                      ? kError
                                    : told[i].severity == Finding::Severity::kNote ? kDim
                                                                                   : kWarning});
    if (told[i].severity != Finding::Severity::kNote) world().messages.Add(told[i].severity, told[i].text);
  }
  findings_shown_ = count;
  if (report) ShowEnd(*report);
}

void RestoreScreen::ShowEnd(const Result<RestoreReport>& report) {
  state_ = State::kDone;
  ended_ = world().context.clock.Steady();
  if (!report) {
    const bool is_stopped = report.error().code() == ErrorCode::kInterrupted;
    end_lines_.push_back({is_stopped ? "stopped: files that were done stay, and another run goes on from there"
                                     : "not restored: " + report.error().message(),
                          is_stopped ? kWarning : kError});
    if (!is_stopped) world().messages.Add(Finding::Severity::kWarning, "restore: " + report.error().message());
    return;
  }
  const bool is_whole = report->failed == 0;
  end_lines_.push_back(
      {is_whole ? "done"
                : fmt::format("{} could not be restored whole; they are named below", HumanCount(report->failed)),
       is_whole ? Style{.color = Color::kGreen, .bold = true} : kError});
  const auto add = [&](std::string_view label, const std::string& text) {
    end_lines_.push_back({fmt::format("{:<{}}{}", label, kLabelWidth, text)});
  };
  add("restored", fmt::format("{} files, {} folders, {} others, {}", HumanCount(report->files),
                              HumanCount(report->folders), HumanCount(report->others), HumanBytes(report->bytes)));
  add("written", HumanBytes(report->bytes_written));
  if (report->files_skipped > 0) {
    add("left", fmt::format("{} {}", HumanCount(report->files_skipped),
                            replaces_ ? "were right already" : "were there already, and are as they were"));
  }
  if (verifies_) add("verified", fmt::format("{} read back, and right", HumanCount(report->verified)));
}

void RestoreScreen::DrawQuestion(Canvas& canvas, const ScreenLines& lines) const {
  size_t row = lines.first;
  const size_t end = lines.first + lines.count;
  const auto line = [&](const std::string& text, Style style = kPlain) {
    if (row < end) canvas.PutLine(row++, text, style);
  };
  const bool is_tight = lines.count < 12;
  if (!is_tight) line("");
  if (marks_.empty()) line(" all of the snapshot", kBold);
  size_t shown = 0;
  for (const auto& [path, mark] : marks_.all()) {
    if (shown++ == (is_tight ? 1 : kMarksShown)) break;
    line(fmt::format(" /{}{}", PathForPeople(path), mark.is_folder ? "/" : "  " + HumanBytes(mark.size)),
         {.color = Color::kYellow, .bold = true});
  }
  if (marks_.count() > shown) line(fmt::format(" and {} more", marks_.count() - shown), kDim);
  if (!is_tight) line("");
  const auto label = [&](Field field, const std::string& text) {
    const std::string arrow = field_ == field ? "> " : "  ";
    line(arrow + text, field_ == field ? kBold : kPlain);
    return row - 1;
  };
  const size_t at = label(kTarget, "into folder ");
  constexpr size_t kAt = 14;
  if (at < end && canvas.columns() > kAt) {
    if (field_ == kTarget) {
      target_.Draw(canvas, at, kAt, canvas.columns() - kAt);
      if (target_.text().empty())
        canvas.Put(at, kAt + 1, canvas.columns() - kAt - 1, "(made where there is none)", kDim);
    } else {
      canvas.Put(at, kAt, canvas.columns() - kAt, target_.text(), kPlain, Canvas::Fit::kTail);
    }
  }
  label(kReplaces,
        replaces_ ? "[x] replace files that are there and differ" : "[ ] replace files that are there and differ");
  label(kVerifies, verifies_ ? "[x] read each file back" : "[ ] read each file back");
  if (!is_tight) line("");
  if (target_.text().empty() || is_tight) return;
  const std::string folder = WholePath(target_.text());
  const TreePath common = marks_.CommonFolder();
  const std::string first = marks_.empty() ? "..." : PathForPeople(PathBelow(marks_.all().begin()->first, common));
  line(fmt::format("  {} becomes {}{}{}", marks_.empty() ? "/..." : "/" + PathForPeople(marks_.all().begin()->first),
                   PathForPeople(AsBytes(folder)), folder.ends_with('/') ? "" : "/", first),
       kDim);
}

void RestoreScreen::DrawRun(Canvas& canvas, const ScreenLines& lines) {
  size_t row = lines.first;
  const size_t end = lines.first + lines.count;
  const auto line = [&](const std::string& text, Style style = kPlain) {
    if (row < end) canvas.PutLine(row++, " " + text, style);
  };
  if (lines.count >= 10) line("");
  const Progress& progress = run_->progress;
  const uint64_t bytes = progress.bytes_done, bytes_total = progress.bytes_total;
  const uint64_t items = progress.items_done, items_total = progress.items_total;
  const auto spent = (state_ == State::kDone ? ended_ : world().context.clock.Steady()) - began_;
  const double seconds = std::chrono::duration<double>(spent).count();
  line(fmt::format("{:<{}}{}", "into", kLabelWidth, PathForPeople(AsBytes(target_given_))), kBold);
  if (state_ == State::kRunning) {
    const double part = bytes_total > 0   ? static_cast<double>(bytes) / static_cast<double>(bytes_total)
                        : items_total > 0 ? static_cast<double>(items) / static_cast<double>(items_total)
                                          : 0;
    line(fmt::format("{} {:>3.0f}%", Bar(part, std::clamp<size_t>(canvas.columns() / 2, 10, 60)),
                     std::clamp(part, 0.0, 1.0) * 100));
    const double rate = seconds > 0.5 ? static_cast<double>(bytes) / seconds : 0;
    line(
        fmt::format("{:<{}}{} of {} files", progress.phase(), kLabelWidth, HumanCount(items), HumanCount(items_total)));
    line(fmt::format("{:<{}}{} of {}  {}/s", "", kLabelWidth, HumanBytes(bytes), HumanBytes(bytes_total),
                     HumanBytes(static_cast<uint64_t>(rate))));
    line(fmt::format("{:<{}}{}", "", kLabelWidth, PathForPeople(AsBytes(progress.current()))), kDim);
  } else {
    const size_t room = std::max<size_t>(canvas.columns(), 2) - 1;
    for (const TextLine& one : end_lines_) {
      for (const std::string& part : Wrapped(one.text, room)) line(part, one.style);
    }
    line(fmt::format("{:<{}}{}", "took", kLabelWidth, HumanSeconds(static_cast<uint64_t>(seconds))));
  }
  if (findings_.lines().empty()) return;
  line("");
  line(fmt::format("{} told", HumanCount(findings_shown_)), kBold);
  if (row < end) findings_.Draw(canvas, row, end - row);
}

void RestoreScreen::Draw(Canvas& canvas, const ScreenLines& lines) {
  if (state_ == State::kAsking) {
    DrawQuestion(canvas, lines);
  } else {
    DrawRun(canvas, lines);
  }
}

std::string RestoreScreen::Status() const {
  switch (state_) {
    case State::kAsking:
      return replaces_ ? "files that are there are replaced where they differ" : "nothing that is there is replaced";
    case State::kRunning:
      return asked_to_stop_ ? "stopping" : "restoring";
    default:
      return "";
  }
}

std::string RestoreScreen::Keys() const {
  switch (state_) {
    case State::kAsking:
      return "Enter restore   Up Down next   Space on, off   Esc back";
    case State::kRunning:
      return "c stop";
    default:
      return "Esc back   m messages   ? help";
  }
}

std::string RestoreScreen::WhyStay() const {
  return state_ == State::kRunning ? "the restore is under way: c stops it" : "";
}

bool RestoreScreen::OnAskingKey(const Key& key) {
  const bool is_next = key.Is(KeyCode::kDown) || key.Is(KeyCode::kTab);
  if (is_next || key.Is(KeyCode::kUp)) {
    field_ = static_cast<uint8_t>((field_ + (is_next ? 1 : kFieldCount - 1)) % kFieldCount);
  } else if (key.Is(KeyCode::kEscape)) {
    host().Close();
  } else if (key.Is(KeyCode::kEnter)) {
    if (target_.text().empty()) {
      field_ = kTarget;
      host().Tell(Finding::Severity::kWarning, "into which folder?");
    } else {
      Start();
    }
  } else if (field_ == kTarget) {
    return target_.OnKey(key);
  } else if (key.IsOneOf(" x")) {
    bool& value = field_ == kReplaces ? replaces_ : verifies_;
    value = !value;
  } else {
    return false;
  }
  return true;
}

bool RestoreScreen::OnKey(const Key& key) {
  if (state_ == State::kAsking) return OnAskingKey(key);
  if (state_ == State::kRunning) {
    if (!key.IsOneOf("c")) return false;
    asked_to_stop_ = true;
    reading_.RequestStop();
    return true;
  }
  if (key.Is(KeyCode::kEnter)) {
    host().Close();
    return true;
  }
  return findings_.OnKey(key);
}

}  // namespace cairn::browse
