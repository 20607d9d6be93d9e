// One of the pictures that a browser shows, one above the other: the topmost is seen and hears the keys.
#pragma once

#include <memory>
#include <string>

#include "frontends/browse/browse_world.h"
#include "frontends/browse/canvas.h"
#include "frontends/browse/key.h"
#include "frontends/browse/marks.h"

namespace cairn::browse {

struct ScreenLines {
  size_t first = 0, count = 0;
};

class Screen;

// What a screen may do beyond its own lines. One thread.
class ScreenHost {
 public:
  virtual ~ScreenHost() = default;
  virtual const BrowseWorld& world() const = 0;
  virtual void Open(std::unique_ptr<Screen> screen) = 0;
  // The screen that calls goes when it has returned.
  virtual void Close() = 0;
  // All screens but the lowest.
  virtual void CloseAll() = 0;
  virtual void Quit() = 0;
  // A line that stays until the next key.
  virtual void Tell(Finding::Severity severity, std::string text) = 0;
  virtual Marks& MarksOf(const SnapshotId& snapshot) = 0;
};

// One thread.
class Screen {
 public:
  explicit Screen(ScreenHost& host) : host_(host) {}
  virtual ~Screen() = default;
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  virtual std::string Title() const = 0;
  virtual void Draw(Canvas& canvas, const ScreenLines& lines) = 0;
  // The line below: how many, in which order, what is read.
  virtual std::string Status() const { return ""; }
  // What the keys do, for the last line.
  virtual std::string Keys() const = 0;
  // Takes what other threads have read.
  virtual void Poll() {}
  // A new look at what it shows.
  virtual void Reload() {}
  // Whether it was for it.
  virtual bool OnKey(const Key& key) = 0;
  // What is typed is text: no key has a meaning of its own.
  virtual bool is_typing() const { return false; }
  // Nothing: it may be left at once. Else why not.
  virtual std::string WhyStay() const { return ""; }

 protected:
  ScreenHost& host() const { return host_; }
  const BrowseWorld& world() const { return host_.world(); }

 private:
  ScreenHost& host_;
};

}  // namespace cairn::browse
