#include "engine/store/flat/flat_answers.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "engine/http/answer.h"

namespace cairn::flat {
namespace {

constexpr std::string_view kOutside = "tmp/";

}  // namespace

std::string Said(const Failure& failure, std::string_view what) {
  std::string said = fmt::format("{}: the server answered {}", what, failure.status);
  if (!failure.code.empty()) said += " " + failure.code;
  if (!failure.message.empty()) said += " (" + failure.message + ")";
  return said;
}

ErrorCode CodeOfStatus(const Failure& failure) {
  switch (failure.status) {
    case 401:
    case 403:
      return ErrorCode::kPermission;
    case 404:
      return failure.code.empty() ? ErrorCode::kIo : ErrorCode::kNotFound;
    case 501:
      return ErrorCode::kUnsupported;
    case 507:
      return ErrorCode::kNoSpace;
    default:
      return ErrorCode::kIo;
  }
}

bool MayPassByStatus(const Failure& failure) {
  constexpr std::array kStatus = {408, 429, 500, 502, 503, 504};
  if (std::ranges::find(kStatus, failure.status) != kStatus.end()) return true;
  return failure.status == 404 && failure.code.empty();  // not the server's: it says what is not there
}

Result<ListedPage> CheckedPage(Result<ListedPage> page, std::string_view prefix, std::string_view token,
                               std::string_view what) {
  const auto wrong = [&](const std::string& why) { return MakeError(ErrorCode::kIo, "{}: {}", what, why).Transient(); };
  if (!page) return wrong(page.error().message());
  if (!page->next.empty() && page->next == token) return wrong("the next page is the same");
  for (const ListedObject& object : page->objects) {
    if (object.key.starts_with(prefix)) continue;  // to leave it out could be to leave out all
    return wrong(fmt::format("the server told a key that does not begin as asked: \"{}\"", http::OneLine(object.key)));
  }
  return page;
}

Result<void> ListPages(const PageOf& page_of, std::string_view above, const ObjectStore::Each& each,
                       const ObjectStore::Stranger& stranger) {
  std::string token;
  do {
    ASSIGN_OR_RETURN(ListedPage page, page_of(token));
    for (const ListedObject& object : page.objects) {
      const std::string name = object.key.substr(above.size());
      if (name.empty() || name.starts_with(kOutside)) continue;
      auto parsed = ObjectName::Parse(name);
      if (parsed) {
        RETURN_IF_ERROR(each({.name = *std::move(parsed), .size = object.size, .modified = object.modified}));
      } else if (stranger) {
        RETURN_IF_ERROR(stranger(name));
      }
    }
    token = std::move(page.next);
  } while (!token.empty());
  return {};
}

Result<Bytes> GetRange(const RangeAsker& asker, uint64_t offset, uint64_t size) {
  const auto too_short = [&](uint64_t there) {
    return Corrupt("{} has {} bytes, {} from {} were asked for", asker.what, there, size, offset);
  };
  constexpr uint64_t kEndMax = std::numeric_limits<int64_t>::max();
  if (size == 0 || offset > kEndMax || size > kEndMax - offset) {  // no range that could be asked for
    ASSIGN_OR_RETURN(const ObjectInfo info, asker.stat());
    if (size > 0 || offset > info.size) return too_short(info.size);
    return Bytes();
  }
  ASSIGN_OR_RETURN(http::Response response, asker.get(fmt::format("bytes={}-{}", offset, offset + size - 1)));
  const bool is_nothing = response.succeeded() && response.body.empty();  // of an empty one some do not say 416
  if (response.status == 416 || is_nothing) {
    ASSIGN_OR_RETURN(const ObjectInfo info, asker.stat());
    if (info.size < offset || size > info.size - offset) return too_short(info.size);
  }
  ASSIGN_OR_RETURN(response, asker.judge(std::move(response)));
  return http::PartOf(std::move(response), offset, size, asker.what);
}

Result<bool> IsOwnPut(Result<http::Response> there, ByteSpan bytes, std::string_view what) {
  if (there) return Equal(there->body, bytes);
  const ErrorCode code = there.error().code();
  if (code == ErrorCode::kCorrupt) return false;  // larger, and so another's
  if (code != ErrorCode::kNotFound) return std::move(there).error();
  return MakeError(ErrorCode::kIo, "PUT {}: it was there, and is not any more", what).Transient();
}

}  // namespace cairn::flat
