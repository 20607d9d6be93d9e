#include "frontends/browse/terminal.h"

// The functions of wide characters.
#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <curses.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "frontends/browse/captured_errors.h"
#include "repo-format/base/utf8.h"

// Macros of <term.h>.
#undef columns
#undef lines

namespace cairn::browse {
namespace {

// What a handler of a signal needs, and can be reached by nothing else.
struct WayBack {
  std::atomic<bool> is_set = false;
  int output = -1;
  termios modes{};
  std::array<char, 512> text{};
  size_t size = 0;
  CapturedErrors* errors = nullptr;
};
WayBack way_back;

constexpr std::array kBrokenSignals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
std::array<struct sigaction, kBrokenSignals.size()> former_actions;

extern "C" int AddToWayBack(int character) {
  if (way_back.size < way_back.text.size()) way_back.text[way_back.size++] = static_cast<char>(character);
  return character;
}

void AddCapability(const char* name) {
  const char* text = ::tigetstr(name);
  if (text != nullptr && text != reinterpret_cast<const char*>(-1)) ::tputs(text, 1, AddToWayBack);
}

// What was there before does what it did: a core, or a report of a sanitizer.
extern "C" void OnBroken(int signal) {
  Terminal::GiveBack();
  for (size_t i = 0; i < kBrokenSignals.size(); ++i) {
    if (kBrokenSignals[i] == signal) ::sigaction(signal, &former_actions[i], nullptr);
  }
  ::raise(signal);
}

void HandleBrokenSignals() {
  struct sigaction action{};
  action.sa_handler = OnBroken;
  action.sa_flags = SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < kBrokenSignals.size(); ++i) ::sigaction(kBrokenSignals[i], &action, &former_actions[i]);
}

void LeaveBrokenSignals() {
  for (size_t i = 0; i < kBrokenSignals.size(); ++i) ::sigaction(kBrokenSignals[i], &former_actions[i], nullptr);
}

bool IsUtf8Locale() { return std::string_view(::nl_langinfo(CODESET)) == "UTF-8"; }

// Where nothing is said of the terminal's characters (LANG is C, or not set), they are UTF-8: others are rare.
void SetLocale() {
  std::setlocale(LC_CTYPE, "");
  const std::string_view charset = ::nl_langinfo(CODESET);
  if (charset == "ANSI_X3.4-1968" || charset == "US-ASCII") std::setlocale(LC_CTYPE, "C.UTF-8");
}

std::string TerminalName() {
  const char* name = std::getenv("TERM");
  return name == nullptr ? "" : name;
}

std::optional<Key> KeyOfCode(wint_t code) {
  switch (code) {
    case KEY_UP:
      return Key{KeyCode::kUp};
    case KEY_DOWN:
      return Key{KeyCode::kDown};
    case KEY_LEFT:
      return Key{KeyCode::kLeft};
    case KEY_RIGHT:
      return Key{KeyCode::kRight};
    case KEY_PPAGE:
      return Key{KeyCode::kPageUp};
    case KEY_NPAGE:
      return Key{KeyCode::kPageDown};
    case KEY_HOME:
    case KEY_FIND:
      return Key{KeyCode::kHome};
    case KEY_END:
    case KEY_SELECT:
      return Key{KeyCode::kEnd};
    case KEY_ENTER:
      return Key{KeyCode::kEnter};
    case KEY_BACKSPACE:
      return Key{KeyCode::kBackspace};
    case KEY_DC:
      return Key{KeyCode::kDelete};
    case KEY_F(1):
      return Key{KeyCode::kHelp};
    case KEY_F(3):
      return Key{KeyCode::kPreview};
    case KEY_F(5):
      return Key{KeyCode::kRestore};
    case KEY_RESIZE:
      return Key{KeyCode::kResize};
    default:
      return std::nullopt;
  }
}

std::string Utf8Text(uint32_t code) {
  std::string text;
  AppendUtf8(text, code);
  return text;
}

// Nothing: a control character without a meaning.
std::optional<Key> KeyOfCharacter(wint_t character) {
  switch (character) {
    case '\r':
    case '\n':
      return Key{KeyCode::kEnter};
    case '\t':
      return Key{KeyCode::kTab};
    case 0x7f:
    case '\b':
      return Key{KeyCode::kBackspace};
    case 0x1b:
      return Key{KeyCode::kEscape};
    case 0x03:
      return Key{KeyCode::kInterrupt};
    case 0x0c:
      return Key{KeyCode::kRedraw};
    case 0x15:
      return Key{KeyCode::kErase};
    case 0x06:
      return Key{KeyCode::kPageDown};
    case 0x02:
      return Key{KeyCode::kPageUp};
    default:
      if (character < 0x20) return std::nullopt;
      return Key{KeyCode::kCharacter, Utf8Text(static_cast<uint32_t>(character))};
  }
}

class CursesTerminal : public Terminal {
 public:
  ~CursesTerminal() override {
    if (screen_ == nullptr) return;
    ::endwin();
    LeaveBrokenSignals();
    way_back.is_set = false;
    ::delscreen(screen_);
    if (output_ != nullptr) std::fclose(output_);
  }

  Result<void> Begin() {
    is_utf8_ = IsUtf8Locale();
    const int output = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    output_ = output < 0 ? nullptr : ::fdopen(output, "w");
    if (output_ == nullptr) return ErrnoError(errno, "the terminal");
    ::tcgetattr(STDIN_FILENO, &way_back.modes);
    screen_ = ::newterm(nullptr, output_, stdin);
    if (screen_ == nullptr) return MakeError(ErrorCode::kInvalidArgument, "TERM={} cannot be drawn on", TerminalName());
    way_back.output = output;
    way_back.size = 0;
    for (const char* name : {"sgr0", "rmkx", "cnorm", "rmcup"}) AddCapability(name);
    way_back.errors = &errors_;
    RETURN_IF_ERROR(errors_.Begin());
    way_back.is_set = true;
    HandleBrokenSignals();
    ::raw();
    ::noecho();
    ::nonl();
    ::keypad(stdscr, TRUE);
    ::nodelay(stdscr, TRUE);
    ::set_escdelay(100);
    BeginColors();
    return {};
  }

  Canvas NewCanvas() override {
    return Canvas(static_cast<size_t>(std::max(0, getmaxy(stdscr))), static_cast<size_t>(std::max(0, getmaxx(stdscr))),
                  !is_utf8_);
  }

  void Show(const Canvas& canvas) override {
    for (size_t row = 0; row < canvas.rows(); ++row) ShowRow(canvas, row);
    ::curs_set(canvas.cursor.is_shown ? 1 : 0);
    if (canvas.cursor.is_shown) ::move(static_cast<int>(canvas.cursor.row), static_cast<int>(canvas.cursor.column));
    ::refresh();
  }

  std::optional<Key> Wait(std::chrono::milliseconds time) override {
    if (auto key = Take()) return key;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    ::poll(&input, 1, static_cast<int>(time.count()));
    is_gone_ = is_gone_ || (input.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
    return Take();
  }

  bool is_gone() const override { return is_gone_; }
  std::vector<std::string> TakeLines() override { return errors_.TakeLines(); }

 private:
  void BeginColors() {
    const char* no_color = std::getenv("NO_COLOR");
    has_colors_ = (no_color == nullptr || *no_color == 0) && ::has_colors();
    if (!has_colors_) return;
    ::start_color();
    ::use_default_colors();
    constexpr std::array<short, 6> kColors = {-1, COLOR_BLUE, COLOR_CYAN, COLOR_GREEN, COLOR_YELLOW, COLOR_RED};
    for (size_t i = 1; i < kColors.size(); ++i) ::init_pair(static_cast<short>(i), kColors[i], -1);
  }

  void Use(const Style& style) const {
    attr_t attributes = A_NORMAL;
    if (style.bold) attributes |= A_BOLD;
    if (style.dim) attributes |= A_DIM;
    if (style.reverse) attributes |= A_REVERSE;
    ::attr_set(attributes, has_colors_ ? static_cast<short>(style.color) : short{0}, nullptr);
  }

  void ShowRow(const Canvas& canvas, size_t row) const {
    for (size_t column = 0; column < canvas.columns();) {
      const Style style = canvas.at(row, column).style;
      const size_t first = column;
      std::string text;
      for (; column < canvas.columns() && canvas.at(row, column).style == style; ++column) {
        text += canvas.at(row, column).text;
      }
      Use(style);
      ::mvaddstr(static_cast<int>(row), static_cast<int>(first), text.c_str());
    }
  }

  std::optional<Key> Take() {
    for (;;) {
      wint_t read = 0;
      const int kind = ::get_wch(&read);
      if (kind == ERR) return std::nullopt;
      if (kind == KEY_CODE_YES) {
        if (auto key = KeyOfCode(read)) return key;
      } else if (read == 0x1a) {
        Suspend();
      } else if (auto key = KeyOfCharacter(read)) {
        if (key->Is(KeyCode::kRedraw)) ::clearok(curscr, TRUE);
        return key;
      }
    }
  }

  // Until the shell goes on with it.
  static void Suspend() {
    ::def_prog_mode();
    ::endwin();
    ::raise(SIGSTOP);
    ::reset_prog_mode();
    ::clearok(curscr, TRUE);
    ::refresh();
  }

  CapturedErrors errors_;
  FILE* output_ = nullptr;
  SCREEN* screen_ = nullptr;
  bool is_utf8_ = true, has_colors_ = false, is_gone_ = false;
};

}  // namespace

Result<void> Terminal::Check() {
  constexpr const char* kInstead = "cairn ls, find, dump and restore need none";
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) {
    return MakeError(ErrorCode::kInvalidArgument, "browse needs a terminal: {}", kInstead);
  }
  SetLocale();
  int found = 0;
  const std::string name = TerminalName();
  if (::setupterm(nullptr, STDOUT_FILENO, &found) != OK) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "browse does not know how to draw on this terminal (TERM={}): try TERM=xterm; {}", name, kInstead);
  }
  const char* moves = ::tigetstr("cup");
  const bool can_move = moves != nullptr && moves != reinterpret_cast<const char*>(-1);
  ::del_curterm(cur_term);
  if (can_move) return {};
  return MakeError(ErrorCode::kInvalidArgument, "browse cannot draw on this terminal (TERM={}): {}", name, kInstead);
}

Result<std::unique_ptr<Terminal>> Terminal::Open() {
  auto terminal = std::make_unique<CursesTerminal>();
  RETURN_IF_ERROR(terminal->Begin());
  return terminal;
}

void Terminal::GiveBack() {
  if (!way_back.is_set.exchange(false)) return;
  const ssize_t put = ::write(way_back.output, way_back.text.data(), way_back.size);
  static_cast<void>(put);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &way_back.modes);
  way_back.errors->Flush();
}

}  // namespace cairn::browse
