#include "engine/store/azure/answers.h"

#include <algorithm>

#include "engine/http/answer.h"
#include "engine/http/date.h"
#include "engine/http/xml_events.h"

namespace cairn::azure {
namespace {

using http::OneLine;

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> all) {
  return std::ranges::find(all, text) != all.end();
}

// May the same request succeed later?
bool MayPass(const Failure& failure) {
  if (flat::MayPassByStatus(failure)) return true;
  // The first was broken on the way; the others are about what somebody else is doing just now.
  return IsOneOf(failure.code,
                 {"Md5Mismatch", "ContainerBeingDeleted", "OperationTimedOut", "ServerBusy", "LeaseAlreadyPresent"});
}

ErrorCode CodeOf(const Failure& failure) {
  if (IsOneOf(failure.code, {"BlobAlreadyExists", "ConditionNotMet", "TargetConditionNotMet"})) {
    return ErrorCode::kAlreadyExists;
  }
  if (IsOneOf(failure.code, {"BlobImmutableDueToPolicy", "BlobImmutableDueToLegalHold", "LeaseIdMissing",
                             "AccountIsDisabled", "AccountRequiresHttps"})) {
    return ErrorCode::kPermission;
  }
  if (IsOneOf(failure.code, {"BlobArchived", "BlobBeingRehydrated"})) return ErrorCode::kArchived;
  if (failure.code == "RequestBodyTooLarge" || failure.status == 413) return ErrorCode::kInvalidArgument;
  return flat::CodeOfStatus(failure);
}

std::string_view WayOut(const Failure& failure) {
  if (failure.code == "ContainerNotFound") return "; cairn init makes it where the key may";
  if (failure.code == "AuthenticationFailed") {
    return "; AZURE_ACCOUNT_KEY is not the one of this account, or AZURE_ACCOUNT_SAS has run out or is wrong";
  }
  if (failure.code == "AccountRequiresHttps") return "; give an address with https";
  if (failure.code == "RequestBodyTooLarge" || failure.status == 413) {
    return "; the server limits how large a blob may be (-o store.object-size=32M, 16M at least)";
  }
  if (failure.code == "BlobArchived") return "; it is in the archive tier";
  if (failure.status == 401 || failure.status == 403) return "; the key is another, or has no right to do this";
  return "";
}

// A listing as it comes; not whole before NextMarker was there, which is the last.
class PageReader {
 public:
  Result<void> Take(std::string_view path, const std::string& text) {
    constexpr std::string_view kRoot = "/EnumerationResults", kBlob = "/Blobs/Blob";
    if (!path.starts_with(kRoot)) return Corrupt("the answer is {} and no listing", OneLine(path));
    std::string_view name = path.substr(kRoot.size());
    if (name == "/NextMarker") {
      is_whole_ = true;
      page_.next = text;
    }
    if (!name.starts_with(kBlob)) return {};
    name.remove_prefix(kBlob.size());
    if (name.empty()) {
      if (!is_folder_) page_.objects.push_back(std::move(blob_));
      blob_ = {};
      is_folder_ = false;
    } else if (name == "/Name") {
      blob_.key = text;
    } else if (name == "/Properties/Last-Modified") {
      const auto when = http::ParseDate(text);
      blob_.modified = when ? *when : 0;
    } else if (name == "/Properties/Content-Length") {
      const auto size = http::ParseNumber(text);
      if (!size) return Corrupt("\"{}\" is no size", OneLine(text));
      blob_.size = *size;
    } else if (name == "/Properties/ResourceType") {
      is_folder_ = text == "directory";
    }
    return {};
  }

  Result<ListedPage> Finish() && {
    if (!is_whole_) return Error(ErrorCode::kCorrupt, "the listing does not say whether it is whole");
    return std::move(page_);
  }

 private:
  ListedPage page_;
  ListedObject blob_;
  bool is_whole_ = false, is_folder_ = false;
};

}  // namespace

Failure FailureOf(const http::Response& response) {
  Failure failure{.status = response.status, .code = OneLine(response.header("x-ms-error-code")), .message = {}};
  std::string code, message;
  // What is no XML says no more than its status does.
  const auto read = http::ReadXml(
      response.body, {.begin = {}, .end = [&](std::string_view path, const std::string& text) -> Result<void> {
                        if (path == "/Error/Code") code = OneLine(text);
                        // After it come ids that help nobody but Microsoft's support.
                        if (path == "/Error/Message") message = OneLine(text.substr(0, text.find('\n')));
                        return {};
                      }});
  if (failure.code.empty()) failure.code = code;
  if (read) failure.message = message;
  return failure;
}

Error ErrorOf(const Failure& failure, std::string_view what) {
  Error error(CodeOf(failure), flat::Said(failure, what).append(WayOut(failure)));
  if (MayPass(failure)) return std::move(error).Transient();
  return error;
}

Result<ListedPage> ParseListedPage(ByteSpan body) {
  PageReader reader;
  if (body.size() >= 3 && body[0] == 0xef) body = body.subspan(3);  // a mark of the byte order
  RETURN_IF_ERROR(http::ReadXml(body, {.begin = {}, .end = [&](std::string_view path, const std::string& text) {
                                         return reader.Take(path, text);
                                       }}));
  return std::move(reader).Finish();
}

}  // namespace cairn::azure
