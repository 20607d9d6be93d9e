#include "frontends/serve/dav_handler.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/http/answer.h"
#include "engine/http/date.h"
#include "frontends/serve/conditions.h"
#include "frontends/serve/listing.h"
#include "frontends/serve/propfind.h"
#include "frontends/serve/web_path.h"
#include "repo-format/tree_path.h"

namespace cairn::serve {
namespace {

constexpr auto kMethods = std::to_array<std::string_view>({"OPTIONS", "GET", "HEAD", "PROPFIND"});
constexpr std::string_view kMethodsText = "OPTIONS, GET, HEAD, PROPFIND";
// What a backup holds is shown, not run: a page out of it may load nothing, and is no part of this site.
constexpr std::string_view kPolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

// A browser that knows the token sends it along whoever's page asks: no other site gets an image or a script out of a
// backup, nor learns by what fails which files there are.
void AddShields(Answer& answer) {
  answer.headers.emplace_back("X-Content-Type-Options", "nosniff");
  answer.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
}

Answer NotAllowed() {
  Answer answer = Words(405, "this is a view of backups: nothing in it can be changed");
  answer.headers.emplace_back("Allow", kMethodsText);
  return answer;
}

Answer Options() {
  Answer answer;
  answer.headers = {{"DAV", "1"}, {"Allow", std::string(kMethodsText)}, {"MS-Author-Via", "DAV"}};
  return answer;
}

// RFC 4918, 9.1: a server may refuse to list all that is below a folder.
Answer NotInfinite() {
  Answer answer = Words(403, "");
  answer.headers = {{"Content-Type", "application/xml; charset=utf-8"}};
  answer.text =
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:error xmlns:D=\"DAV:\"><D:propfind-finite-depth/></D:error>\n";
  return answer;
}

// A counter of who is at work, for as long as this lives.
class Present {
 public:
  explicit Present(std::atomic<unsigned>& count) : count_(count), number_(++count) {}
  ~Present() { --count_; }
  Present(const Present&) = delete;
  Present& operator=(const Present&) = delete;
  unsigned number() const { return number_; }

 private:
  std::atomic<unsigned>& count_;
  const unsigned number_;
};

// A part of a file. Its first bytes are read before the answer begins, so that what cannot be read is not answered as
// if it could.
class FileBody final : public Body {
 public:
  using Failed = std::function<void(const Error&)>;
  struct Part {
    uint64_t offset = 0, size = 0;
  };
  FileBody(std::shared_ptr<const FileView> file, Part part, Executor& ahead, uint64_t ahead_bytes,
           std::atomic<unsigned>& readers, Failed failed)
      : file_(std::move(file)),
        next_(part.offset),
        end_(part.offset + part.size),
        present_(readers),
        ahead_(file_, ahead, {.window_bytes = ahead_bytes / present_.number()}),
        failed_(std::move(failed)) {}

  Result<void> Begin() {
    first_.resize(std::min<uint64_t>(kFirstBytes, end_ - next_));
    ASSIGN_OR_RETURN(const size_t got, file_->Read(next_, first_));
    if (got != first_.size()) return Corrupt("the file ends before its size");
    return {};
  }

  Result<size_t> Read(MutableByteSpan target) override {
    target = target.first(std::min<uint64_t>(target.size(), end_ - next_));
    if (target.empty()) return size_t{0};
    ahead_.Asked(next_, target.size());
    size_t size = std::min(target.size(), first_.size() - first_used_);
    if (size > 0) {
      std::memcpy(target.data(), first_.data() + first_used_, size);
      first_used_ += size;
    } else {
      const auto got = file_->Read(next_, target);
      if (!got) {
        failed_(got.error());
        return got.error();
      }
      size = *got;
    }
    next_ += size;
    if (size == 0) return Corrupt("the file ends before its size");
    return size;
  }

 private:
  static constexpr uint64_t kFirstBytes = 16 * 1024;
  const std::shared_ptr<const FileView> file_;
  uint64_t next_;
  const uint64_t end_;
  const Present present_;
  ReadAhead ahead_;
  const Failed failed_;
  Bytes first_;
  size_t first_used_ = 0;
};

unsigned StatusOf(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kNotFound:
      return error.system_errno() != 0 ? 404 : 500;
    case ErrorCode::kInvalidArgument:
      return 404;
    case ErrorCode::kNoRight:
      return 403;
    case ErrorCode::kIo:
    case ErrorCode::kBusy:
    case ErrorCode::kArchived:
    case ErrorCode::kInterrupted:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

Answer DavHandler::Fail(const ResourceTree::Found& found, const Error& error) {
  const Error judged = tree_.Judge(found, error);
  return Words(StatusOf(judged), judged.message());
}

std::function<void(const Error&)> DavHandler::Teller(const ResourceTree::Found& found) {
  return [this, found](const Error& error) { static_cast<void>(tree_.Judge(found, error)); };
}

std::optional<Answer> DavHandler::Refuse(const Request& request) {
  auto refused = gate_.Refuse(request);
  if (!refused && std::ranges::find(kMethods, request.method) == kMethods.end()) refused = NotAllowed();
  const auto size = http::ParseNumber(request.header("content-length"));
  if (!refused && size && *size > kBodyBytesMax) refused = Words(413, "the body is too large");
  if (refused) AddShields(*refused);
  return refused;
}

Answer DavHandler::Give(const Request& request, ByteSpan body) {
  Answer answer = Route(request, body);
  AddShields(answer);
  answer.headers.emplace_back("Content-Security-Policy", kPolicy);
  answer.headers.emplace_back("Referrer-Policy", "no-referrer");
  answer.headers.emplace_back("Cache-Control", "private, no-cache");
  return answer;
}

Answer DavHandler::Route(const Request& request, ByteSpan body) {
  if (request.method == "OPTIONS") return Options();
  const auto names = ParseTarget(request.target);
  if (!names) return Words(400, names.error().message());
  const auto found = tree_.Find(*names);
  if (!found) return Words(StatusOf(found.error()), found.error().message());
  if (!*found) return Words(404, fmt::format("there is no {}", PathForPeople(*names)));
  if (request.method == "PROPFIND") return ListProperties(request, body, **found);
  return (*found)->resource.is_folder ? GiveFolder(**found) : GiveFile(request, **found);
}

Answer DavHandler::ListProperties(const Request& request, ByteSpan body, const ResourceTree::Found& found) {
  const std::string_view depth = request.header("depth");
  if (depth.empty() || depth == "infinity" || depth == "Infinity") return NotInfinite();
  if (depth != "0" && depth != "1") return Words(400, "the header Depth is 0, 1 or infinity");
  auto asked = Propfind::Parse(body);
  if (!asked) return Words(400, asked.error().message());
  Answer answer;
  answer.status = 207;
  answer.headers = {{"Content-Type", "application/xml; charset=utf-8"}, {"DAV", "1"}};
  if (depth == "0" || !found.resource.is_folder) {
    answer.text = MultistatusBegin() + MultistatusEntry(found.resource, *asked) + MultistatusEnd();
    return answer;
  }
  auto list = tree_.Open(found);
  if (!list) return Fail(found, list.error());
  answer.body = MakeMultistatus(found.resource, *std::move(list), *std::move(asked), Teller(found));
  return answer;
}

Answer DavHandler::GiveFolder(const ResourceTree::Found& found) {
  auto list = tree_.Open(found);
  if (!list) return Fail(found, list.error());
  Answer answer;
  answer.headers = {{"Content-Type", "text/html; charset=utf-8"}};
  answer.body = MakePage(found.resource, *std::move(list), Teller(found));
  return answer;
}

Answer DavHandler::GiveFile(const Request& request, const ResourceTree::Found& found) {
  const Resource& resource = found.resource;
  auto file = tree_.view().OpenFile(found.place());
  if (!file) return Fail(found, file.error());
  const auto modified = resource.modified ? HttpDate(*resource.modified) : std::nullopt;
  Validators validators{.etag = resource.etag};
  if (modified) validators.modified = resource.modified->seconds * 1'000'000'000;
  const uint64_t size = (*file)->size();
  const Choice choice = Choose(request, validators, size);
  if (choice.status == 412) return Words(412, "the file is another one than the request says");
  if (choice.status == 416) {
    Answer answer = Words(416, fmt::format("the file has {} bytes", size));
    answer.headers.emplace_back("Content-Range", fmt::format("bytes */{}", size));
    return answer;
  }
  Answer answer;
  answer.status = choice.status;
  answer.headers = {{"ETag", resource.etag}, {"Accept-Ranges", "bytes"}};
  if (modified) answer.headers.emplace_back("Last-Modified", *modified);
  if (choice.status == 304) return answer;
  answer.headers.emplace_back("Content-Type", ContentType(resource.name));
  if (choice.status == 206) {
    const uint64_t last = choice.offset + choice.size - 1;
    answer.headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", choice.offset, last, size));
  }
  if (choice.size == 0) return answer;
  const FileBody::Part part{.offset = choice.offset, .size = choice.size};
  auto body = std::make_unique<FileBody>(*std::move(file), part, ahead_, options_.ahead_bytes, readers_, Teller(found));
  if (request.method == "GET") {
    if (auto begun = body->Begin(); !begun) return Fail(found, begun.error());
  }
  answer.size = choice.size;
  answer.body = std::move(body);
  return answer;
}

}  // namespace cairn::serve
