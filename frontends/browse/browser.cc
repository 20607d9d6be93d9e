#include "frontends/browse/browser.h"

#include <algorithm>

#include "frontends/browse/glyphs.h"
#include "frontends/browse/snapshot_screen.h"
#include "frontends/browse/text_screen.h"

namespace cairn::browse {
namespace {

constexpr size_t kRowsMin = 5, kColumnsMin = 20;

Style StyleOf(Finding::Severity severity) {
  return severity == Finding::Severity::kDamage ? kError : severity == Finding::Severity::kWarning ? kWarning : kPlain;
}

std::vector<TextLine> LinesOf(const Messages& messages) {
  std::vector<TextLine> lines;
  const auto all = messages.all();
  if (messages.count() > all.size()) lines.push_back({fmt::format("({} before)", messages.count() - all.size()), kDim});
  for (const Messages::Message& one : all) lines.push_back({one.text, StyleOf(one.severity)});
  if (lines.empty()) lines.push_back({"no messages", kDim});
  return lines;
}

}  // namespace

Browser::Browser(const BrowseWorld& world) : world_(world) {
  screens_.push_back(std::make_unique<SnapshotScreen>(*this));
}

Browser::~Browser() = default;

void Browser::Open(std::unique_ptr<Screen> screen) { opened_.push_back(std::move(screen)); }
void Browser::Close() { ++closed_; }
void Browser::CloseAll() { closed_ = screens_.size() - 1; }
void Browser::Quit() { has_ended_ = true; }
void Browser::Tell(Finding::Severity severity, std::string text) { told_ = {severity, std::move(text)}; }

void Browser::Settle() {
  while (closed_ > 0 && screens_.size() > 1) {
    screens_.pop_back();
    --closed_;
  }
  closed_ = 0;
  for (auto& screen : opened_) screens_.push_back(std::move(screen));
  opened_.clear();
}

void Browser::OnKey(const Key& key) {
  if (key.Is(KeyCode::kResize) || key.Is(KeyCode::kRedraw)) return;
  told_ = {};
  messages_seen_ = world_.messages.count();
  Screen& top = *screens_.back();
  const bool asked = std::exchange(asks_to_quit_, false);
  if (key.Is(KeyCode::kInterrupt) || (!top.is_typing() && key.IsOneOf("q"))) {
    const std::string why = top.WhyStay();
    if (why.empty() || asked) return Quit();
    asks_to_quit_ = true;
    return Tell(Finding::Severity::kWarning, why + "; once more ends it");
  }
  if (!top.OnKey(key) && !top.is_typing()) OnOwnKey(key);
  Settle();
}

void Browser::OnOwnKey(const Key& key) {
  Screen& top = *screens_.back();
  const bool is_back =
      key.Is(KeyCode::kEscape) || key.Is(KeyCode::kBackspace) || key.Is(KeyCode::kLeft) || key.IsOneOf("h");
  if (is_back) {
    if (screens_.size() == 1) {
      if (key.Is(KeyCode::kEscape)) Tell(Finding::Severity::kNote, "q ends it");
    } else if (const std::string why = top.WhyStay(); !why.empty()) {
      Tell(Finding::Severity::kWarning, why);
    } else {
      Close();
    }
  } else if (key.IsOneOf("?") || key.Is(KeyCode::kHelp)) {
    Open(std::make_unique<TextScreen>(*this, "help", HelpLines()));
  } else if (key.IsOneOf("m")) {
    auto screen = std::make_unique<TextScreen>(*this, "messages", LinesOf(world_.messages));
    screen->MoveToEnd();
    Open(std::move(screen));
  } else if (key.IsOneOf("R")) {
    top.Reload();
  }
}

void Browser::Poll() {
  for (const auto& screen : screens_) screen->Poll();
  Settle();
}

void Browser::DrawFrame(Canvas& canvas, const Screen& top) const {
  const size_t rows = canvas.rows(), columns = canvas.columns();
  const std::string left = " cairn " + world_.repository;
  const std::string title = top.Title();
  const size_t label = std::min(WidthOf(left) + 1, columns / 2);
  canvas.PutLine(0, "", kBar);
  canvas.Put(0, 0, label - 1, left, kBar);
  // What is deepest says most.
  canvas.Put(0, label, columns - label, title, {.bold = true, .reverse = true}, Canvas::Fit::kTail);
  const bool has_news = world_.messages.count() > messages_seen_;
  if (!told_.text.empty()) {
    canvas.PutLine(rows - 2, " " + told_.text, StyleOf(told_.severity));
  } else if (has_news) {
    const Messages::Message last = world_.messages.last();
    canvas.PutLine(rows - 2, fmt::format(" {}  (m: all)", last.text), StyleOf(last.severity));
  } else {
    canvas.PutLine(rows - 2, " " + top.Status(), kDim);
  }
  canvas.PutLine(rows - 1, " " + top.Keys(), kBar);
}

void Browser::Draw(Canvas& canvas) {
  if (canvas.rows() < kRowsMin || canvas.columns() < kColumnsMin) {
    canvas.PutLine(0, "cairn: too small");
    return;
  }
  Screen& top = *screens_.back();
  top.Draw(canvas, {1, canvas.rows() - 3});
  DrawFrame(canvas, top);
}

}  // namespace cairn::browse
