#include "engine/repo/request_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <iterator>
#include <optional>
#include <stop_token>

#include "engine/repo/time_text.h"

namespace cairn {
namespace {

constexpr std::string_view kFirstLine = "requests 1";
constexpr size_t kDaysMax = 62, kBytesMax = 1 << 20, kCommandBytesMax = 32;
constexpr int kTriesMax = 20;

// In the order of their columns.
std::array<uint64_t*, 11> Columns(RequestDay& day) {
  RequestCounts& c = day.counts;
  return {&day.runs,   &c.puts,       &c.gets,      &c.lists,     &c.heads,          &c.removes,
          &c.bytes_up, &c.bytes_down, &c.data_puts, &c.data_gets, &c.data_bytes_down};
}

std::string LineOf(RequestDay day) {
  std::string line = day.day + " " + day.command;
  for (const uint64_t* column : Columns(day)) line += fmt::format(" {}", *column);
  return line + "\n";
}

std::optional<RequestDay> ParseLine(std::string_view line) {
  const auto word = [&] {
    const size_t end = std::min(line.find(' '), line.size());
    const std::string_view text = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return text;
  };
  RequestDay day;
  day.day = std::string(word());
  day.command = std::string(word());
  if (day.day.size() != 10 || day.command.empty() || day.command.size() > kCommandBytesMax) return std::nullopt;
  for (uint64_t* column : Columns(day)) {
    const std::string_view text = word();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *column);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  }
  return line.empty() ? std::optional(day) : std::nullopt;
}

std::vector<RequestDay> Parse(std::string_view text) {
  std::vector<RequestDay> days;
  bool is_first = true;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (std::exchange(is_first, false)) {
      if (line != kFirstLine) return {};
      continue;
    }
    auto day = ParseLine(line);
    if (!day) return {};
    days.push_back(*std::move(day));
  }
  return days;
}

void DropOld(std::vector<RequestDay>& days) {
  std::vector<std::string> names;
  for (const RequestDay& day : days) names.push_back(day.day);
  names.erase(std::ranges::unique(names).begin(), names.end());
  if (names.size() <= kDaysMax) return;
  const std::string first = names[names.size() - kDaysMax];
  std::erase_if(days, [&](const RequestDay& day) { return day.day < first; });
}

}  // namespace

RequestLog::RequestLog(FileSystem& files, std::string cache_folder)
    : files_(files), path_(std::move(cache_folder) + "/requests") {}

std::vector<RequestDay> RequestLog::Load() const {
  const auto bytes = files_.ReadFile(path_);
  if (!bytes || bytes->size() > kBytesMax) return {};
  return Parse(AsText(*bytes));
}

Result<void> RequestLog::Add(std::string_view command, const RequestCounts& counts, const Clock& clock,
                             const Random& random) {
  std::unique_ptr<FileLock> lock;
  for (int tries = 0; lock == nullptr; ++tries) {
    ASSIGN_OR_RETURN(lock, files_.TryLock(path_ + ".lock"));
    if (lock != nullptr) break;
    if (tries == kTriesMax) return MakeError(ErrorCode::kBusy, "{} is written to by others", path_);
    clock.Sleep(std::chrono::milliseconds(5), std::stop_token());
  }
  std::vector<RequestDay> days = Load();
  RequestDay run{.day = FormatTime(ToWireTime(clock.Now()), 0).substr(0, 10),
                 .command = std::string(command.substr(0, kCommandBytesMax)),
                 .runs = 1,
                 .counts = counts};
  const auto key = [](const RequestDay& day) { return std::pair(day.day, day.command); };
  const auto place = std::ranges::lower_bound(days, key(run), {}, key);
  if (place != days.end() && key(*place) == key(run)) {
    ++place->runs;
    place->counts += counts;
  } else {
    days.insert(place, std::move(run));
  }
  DropOld(days);
  std::string text = std::string(kFirstLine) + "\n";
  for (const RequestDay& day : days) text += LineOf(day);
  const std::string temporary = path_ + "-" + random.NewId<ObjectId>().ToHex();
  auto written = files_.WriteNewFile(temporary, AsBytes(text));
  if (written) written = files_.Rename(temporary, path_);
  if (!written) IgnoreError(files_.Remove(temporary), "the first error is the one to tell");
  return written;
}

}  // namespace cairn
