#include "frontends/browse/browse.h"

#include "frontends/browse/browser.h"
#include "frontends/browse/terminal.h"

namespace cairn::browse {
namespace {

constexpr std::chrono::milliseconds kTick(100);
constexpr int kKeysAtOnce = 64;  // that were typed faster than they are drawn

// A line of the log, without what stands before each of them.
std::string WithoutProgram(std::string_view line) {
  for (const std::string_view prefix : {"cairn: ", "warning: "}) {
    if (line.starts_with(prefix)) line.remove_prefix(prefix.size());
  }
  return std::string(line);
}

}  // namespace

Result<void> Browse(const BrowseWorld& world, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const auto terminal, Terminal::Open());
  Browser browser(world);
  while (!browser.has_ended() && !stop.stop_requested() && !terminal->is_gone()) {
    for (const std::string& line : terminal->TakeLines()) {
      world.messages.Add(Finding::Severity::kWarning, WithoutProgram(line));
    }
    browser.Poll();
    Canvas canvas = terminal->NewCanvas();
    browser.Draw(canvas);
    terminal->Show(canvas);
    auto key = terminal->Wait(kTick);
    for (int i = 0; key && !browser.has_ended() && i < kKeysAtOnce; ++i) {
      browser.OnKey(*key);
      key = terminal->Wait(std::chrono::milliseconds(0));
    }
    if (key && !browser.has_ended()) browser.OnKey(*key);
  }
  return {};
}

}  // namespace cairn::browse
