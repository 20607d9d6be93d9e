#include "engine/store/rclone/rclone_child.h"

#include <poll.h>

#include <algorithm>
#include <array>

#include "engine/env/thread.h"
#include "engine/http/answer.h"
#include "repo-format/ids.h"

namespace cairn::rclone {
namespace {

constexpr size_t kSaidBytesMax = 2'000;
constexpr size_t kLineBytesMax = 4'000;
constexpr int kPollMs = 200;
constexpr int kPatienceMs = 200;  // every request has had its answer: nothing is under way
constexpr size_t kDateBytes = std::string_view("2026/11/22 09:40:23 ").size();

// $1 and what follows is rclone, or a script that runs it. What ends all of them: that the pipe on standard input
// closes.
constexpr const char* kKeeper = R"(
exec 3<&0 </dev/null
"$@" 3<&- >/dev/null &
rclone=$!
trap : TERM
( exec 2>/dev/null; cat <&3 >/dev/null; trap '' TERM; kill -TERM -- "-$$"; sleep 5; kill -KILL -- "-$$" ) &
exec 3<&-
while :; do
  wait "$rclone"
  status=$?
  kill -0 "$rclone" 2>/dev/null || break
done
[ "$status" -le 128 ] || echo "it was ended by a signal" >&2
exit "$status"
)";

// What a user may have set for other uses of rclone, and what would make it do less, or other things, than it is told.
constexpr std::array kNotForUs = {"RCLONE_BACKUP_DIR",
                                  "RCLONE_COMPARE_DEST",
                                  "RCLONE_COPY_DEST",
                                  "RCLONE_DELETE_EXCLUDED",
                                  "RCLONE_DRY_RUN",
                                  "RCLONE_DUMP",
                                  "RCLONE_DUMP_BODIES",
                                  "RCLONE_DUMP_HEADERS",
                                  "RCLONE_EXCLUDE",
                                  "RCLONE_EXCLUDE_FROM",
                                  "RCLONE_EXCLUDE_IF_PRESENT",
                                  "RCLONE_FILES_FROM",
                                  "RCLONE_FILES_FROM_RAW",
                                  "RCLONE_FILTER",
                                  "RCLONE_FILTER_FROM",
                                  "RCLONE_HASH_FILTER",
                                  "RCLONE_IGNORE_CHECKSUM",
                                  "RCLONE_IGNORE_EXISTING",
                                  "RCLONE_IGNORE_SIZE",
                                  "RCLONE_IMMUTABLE",
                                  "RCLONE_INCLUDE",
                                  "RCLONE_INCLUDE_FROM",
                                  "RCLONE_INTERACTIVE",
                                  "RCLONE_LOG_FILE",
                                  "RCLONE_LOG_FORMAT",
                                  "RCLONE_LOG_SYSTEMD",
                                  "RCLONE_MAX_AGE",
                                  "RCLONE_MAX_DELETE",
                                  "RCLONE_MAX_DEPTH",
                                  "RCLONE_MAX_DURATION",
                                  "RCLONE_MAX_SIZE",
                                  "RCLONE_MAX_TRANSFER",
                                  "RCLONE_METADATA_EXCLUDE",
                                  "RCLONE_METADATA_EXCLUDE_FROM",
                                  "RCLONE_METADATA_FILTER",
                                  "RCLONE_METADATA_FILTER_FROM",
                                  "RCLONE_METADATA_INCLUDE",
                                  "RCLONE_METADATA_INCLUDE_FROM",
                                  "RCLONE_MIN_AGE",
                                  "RCLONE_MIN_SIZE",
                                  "RCLONE_NO_CHECK_DEST",
                                  "RCLONE_QUIET",
                                  "RCLONE_RC",
                                  "RCLONE_RC_ADDR",
                                  "RCLONE_RC_BASEURL",
                                  "RCLONE_RC_CERT",
                                  "RCLONE_RC_HTPASSWD",
                                  "RCLONE_RC_KEY",
                                  "RCLONE_RC_NO_AUTH",
                                  "RCLONE_RC_WEB_GUI",
                                  "RCLONE_SUFFIX",
                                  "RCLONE_SYSLOG",
                                  "RCLONE_UPDATE",
                                  "RCLONE_USE_JSON_LOG",
                                  "RCLONE_VERBOSE"};

std::vector<std::string> CommandOf(const Options& options) {
  std::vector<std::string> command = {"sh", "-c", kKeeper, "cairn", options.program};
  command.insert(command.end(), options.arguments.begin(), options.arguments.end());
  // --ignore-times: what is moved onto a name that is filled is not taken for the same because of its size and time.
  for (const char* one : {"rcd", "--rc-addr", "127.0.0.1:0", "--rc-serve", "--ask-password=false", "--ignore-times",
                          "--use-server-modtime", "--stats=0"}) {
    command.emplace_back(one);
  }
  return command;
}

std::vector<std::string> EnvironmentOf(const std::string& password) {
  std::vector<std::string> environment(kNotForUs.begin(), kNotForUs.end());
  environment.push_back("RCLONE_LOG_LEVEL=NOTICE");
  environment.push_back("TZ=UTC");  // of the times that it lists
  environment.push_back("RCLONE_RC_USER=" + std::string(Child::kUser));
  environment.push_back("RCLONE_RC_PASS=" + password);
  return environment;
}

// Without the time, which stands before each.
std::string_view WithoutDate(std::string_view line) {
  constexpr std::string_view kForm = "0000/00/00 00:00:00 ";
  const bool is_dated =
      line.size() > kDateBytes && line[4] == '/' && line[7] == '/' && line[13] == ':' && line[kForm.size() - 1] == ' ';
  return is_dated ? line.substr(kDateBytes) : line;
}

Error StartFailure(const Options& options, const std::string& said) {
  const auto says = [&](std::string_view part) { return said.find(part) != std::string::npos; };
  if (says(options.program + ": not found") || says(options.program + ": No such file") ||
      says(options.program + ": Permission denied")) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "the program {} cannot be run: install rclone, or name it: -o rclone.program=FILE (said: {})",
                     options.program, said);
  }
  if (says("unknown flag") || says("unknown command") || says("unknown shorthand") || says("invalid argument")) {
    return MakeError(ErrorCode::kInvalidArgument, "{} does not take its arguments (said: {})", options.program, said);
  }
  Error error = MakeError(ErrorCode::kIo, "{} has ended before it took requests (said: {})", options.program, said);
  return says("it was ended by a signal") ? std::move(error).Transient() : error;
}

// In one line; what is said last tells why.
std::string EndOf(std::string_view said) {
  constexpr size_t kToldBytes = 300;
  return http::OneLine(said.substr(said.size() - std::min(said.size(), kToldBytes)));
}

}  // namespace

std::string OriginOf(std::string_view line) {
  constexpr std::string_view kWords = "Serving remote control on ", kBegin = "http://127.0.0.1:";
  const size_t words = line.find(kWords);
  const size_t begin = words == std::string_view::npos ? words : line.find(kBegin, words);
  if (begin == std::string_view::npos) return "";
  const size_t end = line.find_first_not_of("0123456789", begin + kBegin.size());
  // The line must go on: its digits may be cut off.
  if (end == std::string_view::npos || end == begin + kBegin.size()) return "";
  return std::string(line.substr(begin, end - begin));
}

Result<std::unique_ptr<Child>> Child::Start(const Options& options, const Random& random, const Clock& clock,
                                            std::stop_token stop) {
  std::unique_ptr<Child> child(new Child());
  child->password_ = random.NewId<ObjectId>().ToHex() + random.NewId<ObjectId>().ToHex();
  ASSIGN_OR_RETURN(child->process_,
                   PipedChild::Start(CommandOf(options), kPatienceMs, EnvironmentOf(child->password_)));
  ASSIGN_OR_RETURN(child->listener_,
                   StartThread([raw = child.get()](const std::stop_token& end) { raw->Listen(end); }));
  RETURN_IF_ERROR(child->WaitForOrigin(options, clock, stop));
  return child;
}

Child::~Child() {
  if (process_) process_->CloseInput();  // which ends it
  listener_.request_stop();
  if (listener_.joinable()) listener_.join();
}

Result<void> Child::WaitForOrigin(const Options& options, const Clock& clock, const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kPause{50};
  const auto end = clock.Steady() + options.start_max;
  std::unique_lock lock(mutex_);
  while (told_origin_.empty() && !has_ended_) {
    if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while rclone was starting");
    if (clock.Steady() >= end) {
      return MakeError(ErrorCode::kIo, "{} did not take requests within {} s (said: {})", options.program,
                       options.start_max.count(), EndOf(said_))
          .Transient();
    }
    changed_.wait_for(lock, kPause);
  }
  origin_ = told_origin_;
  if (origin_.empty()) return StartFailure(options, EndOf(said_));
  said_.clear();
  return {};
}

void Child::Listen(const std::stop_token& stop) {
  Bytes buffer(kLineBytesMax);
  while (!stop.stop_requested()) {
    pollfd waiting = {process_->errors(), POLLIN, 0};
    static_cast<void>(::poll(&waiting, 1, kPollMs));
    const auto got = process_->ReadErrors(buffer);
    if (got && !*got) continue;  // nothing now
    if (!got || **got == 0) break;
    Take(AsText(ByteSpan(buffer).first(**got)));
  }
  const std::lock_guard lock(mutex_);
  has_ended_ = true;
  changed_.notify_all();
}

void Child::Take(std::string_view text) {
  const std::lock_guard lock(mutex_);
  for (const char c : text) {
    if (c != '\n') {
      if (line_.size() < kLineBytesMax) line_.push_back(c);
      continue;
    }
    if (told_origin_.empty()) told_origin_ = OriginOf(line_);
    said_.append(said_.empty() ? "" : "; ").append(WithoutDate(line_));
    line_.clear();
  }
  if (said_.size() > kSaidBytesMax) said_.erase(0, said_.size() - kSaidBytesMax);
  changed_.notify_all();
}

bool Child::has_ended() const {
  const std::lock_guard lock(mutex_);
  return has_ended_;
}

std::string Child::said() const {
  const std::lock_guard lock(mutex_);
  return EndOf(said_);
}

}  // namespace cairn::rclone
