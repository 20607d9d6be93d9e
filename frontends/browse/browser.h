// The browser: screens one above the other, what they share, and the lines around them. It knows no terminal.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "frontends/browse/screen.h"

namespace cairn::browse {

// One thread.
class Browser : public ScreenHost {
 public:
  // Shows the snapshots first.
  explicit Browser(const BrowseWorld& world);
  ~Browser() override;

  void OnKey(const Key& key);
  // Takes what other threads have read: a few times a second.
  void Poll();
  void Draw(Canvas& canvas);
  bool has_ended() const { return has_ended_; }

  const BrowseWorld& world() const override { return world_; }
  void Open(std::unique_ptr<Screen> screen) override;
  void Close() override;
  void CloseAll() override;
  void Quit() override;
  void Tell(Finding::Severity severity, std::string text) override;
  Marks& MarksOf(const SnapshotId& snapshot) override { return marks_[snapshot]; }

 private:
  void OnOwnKey(const Key& key);
  void Settle();
  void DrawFrame(Canvas& canvas, const Screen& top) const;

  const BrowseWorld world_;
  std::vector<std::unique_ptr<Screen>> screens_;
  std::vector<std::unique_ptr<Screen>> opened_;  // by the key in hand
  size_t closed_ = 0;                            // by the key in hand
  std::map<SnapshotId, Marks> marks_;
  Messages::Message told_;
  uint64_t messages_seen_ = 0;
  bool has_ended_ = false, asks_to_quit_ = false;
};

}  // namespace cairn::browse
