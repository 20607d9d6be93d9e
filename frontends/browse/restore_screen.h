// Restoring what is marked: where to, how far it is, and what came of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "frontends/browse/line_input.h"
#include "frontends/browse/reading.h"
#include "frontends/browse/screen.h"
#include "frontends/browse/text_pane.h"

namespace cairn::browse {

class RestoreScreen : public Screen {
 public:
  // All of the snapshot where nothing is marked.
  RestoreScreen(ScreenHost& host, view::ShownSnapshot snapshot, Marks marks);
  ~RestoreScreen() override;

  std::string Title() const override;
  void Draw(Canvas& canvas, const ScreenLines& lines) override;
  std::string Status() const override;
  std::string Keys() const override;
  void Poll() override;
  bool OnKey(const Key& key) override;
  bool is_typing() const override { return state_ == State::kAsking && field_ == kTarget; }
  std::string WhyStay() const override;

 private:
  enum class State : uint8_t { kAsking, kRunning, kDone };
  enum Field : uint8_t { kTarget, kReplaces, kVerifies, kFieldCount };
  // What the job and the screen share.
  struct Run;

  bool OnAskingKey(const Key& key);
  void DrawQuestion(Canvas& canvas, const ScreenLines& lines) const;
  void DrawRun(Canvas& canvas, const ScreenLines& lines);
  void Start();
  RestoreRequest Request() const;
  void ShowEnd(const Result<RestoreReport>& report);

  const view::ShownSnapshot snapshot_;
  const Marks marks_;
  State state_ = State::kAsking;
  uint8_t field_ = kTarget;
  LineInput target_;
  bool replaces_ = false, verifies_ = true, asked_to_stop_ = false;
  std::string target_given_;
  std::shared_ptr<Run> run_;
  Reading<RestoreReport> reading_;
  std::chrono::nanoseconds began_{0}, ended_{0};  // steady clock
  std::vector<TextLine> end_lines_;
  uint64_t findings_shown_ = 0;
  TextPane findings_;
};

}  // namespace cairn::browse
