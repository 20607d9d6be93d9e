#include "engine/store/webdav/multistatus.h"

#include "engine/http/answer.h"
#include "engine/http/date.h"
#include "engine/http/percent.h"

namespace cairn::webdav {
namespace {

constexpr std::string_view kRoot = "/multistatus";

// Of "HTTP/1.1 404 Not Found"; 0 where it is none.
int StatusOf(std::string_view line) {
  const size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return 0;
  const auto status = http::ParseNumber(line.substr(blank + 1, 3));
  return status ? static_cast<int>(*status) : 0;
}

// The path of "http://host/path" or "/path".
std::string_view PathOfHref(std::string_view href) {
  const size_t scheme = href.find("://");
  if (scheme == std::string_view::npos || href.starts_with('/')) return href;
  const size_t slash = href.find('/', scheme + 3);
  return slash == std::string_view::npos ? "/" : href.substr(slash);
}

}  // namespace

MultistatusReader::MultistatusReader(std::string folder, Each each)
    : folder_(std::move(folder)),
      each_(std::move(each)),
      events_(
          {.begin = {}, .end = [this](std::string_view path, const std::string& text) { return Take(path, text); }}) {}

Result<void> MultistatusReader::Finish() { return events_.Finish(); }

Result<std::string> MultistatusReader::NameOf(const std::string& href) const {
  auto decoded = http::PercentDecode(PathOfHref(href));
  if (!decoded) return Corrupt("the server lists \"{}\", which is no address", http::OneLine(href));
  std::string_view path = *decoded;
  if (path.size() + 1 == folder_.size() && folder_.starts_with(path)) return std::string();  // without its last "/"
  if (path.ends_with('/') && path.size() > folder_.size()) path.remove_suffix(1);
  const std::string_view name = path.substr(std::min(path.size(), folder_.size()));
  if (!path.starts_with(folder_) || name.find('/') != std::string_view::npos) {
    return Corrupt("the server lists {} as a part of {} (does a proxy before it change paths?)", http::OneLine(path),
                   folder_);
  }
  return std::string(name);
}

Result<void> MultistatusReader::EndOfResponse() {
  Entry entry = std::move(entry_);
  const int status = status_;
  entry_ = {};
  status_ = 200;
  if (status == 404 || status == 410) return {};
  ASSIGN_OR_RETURN(entry.name, NameOf(href_));
  if (status != 200 && status != 207) {
    return MakeError(status == 401 || status == 403 ? ErrorCode::kPermission : ErrorCode::kIo,
                     "the server says {} of {}", status, http::OneLine(href_));
  }
  return each_(std::move(entry));
}

Result<void> MultistatusReader::Take(std::string_view path, const std::string& text) {
  if (!path.starts_with(kRoot)) return Corrupt("the answer is {} and no listing", http::OneLine(path));
  path.remove_prefix(kRoot.size());
  if (path == "/response") return EndOfResponse();
  if (path == "/response/href") {
    href_ = text;
  } else if (path == "/response/status") {
    status_ = StatusOf(text);
  } else if (path == "/response/propstat/prop/resourcetype/collection") {
    entry_.is_folder = true;
  } else if (path == "/response/propstat/prop/getlastmodified") {
    const auto when = http::ParseDate(text);
    if (when) entry_.modified = *when;
  } else if (path == "/response/propstat/prop/getcontentlength" && !text.empty()) {
    const auto size = http::ParseNumber(text);
    if (!size) return Corrupt("\"{}\" is no size", http::OneLine(text));
    entry_.size = *size;
  }
  return {};
}

}  // namespace cairn::webdav
