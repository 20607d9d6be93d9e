#include "engine/store/azure/shared_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/crypto/hash.h"
#include "engine/http/base64.h"

namespace cairn::azure {
namespace {

std::string SmallLetters(std::string_view text) {
  std::string small(text);
  for (char& c : small) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return small;
}

}  // namespace

std::string StringToSign(std::string_view account, const Unsigned& request) {
  std::map<std::string, std::string> headers;
  for (const auto& [name, value] : request.headers) headers[SmallLetters(name)] = value;
  if (request.body_bytes > 0) headers["content-length"] = fmt::format("{}", request.body_bytes);
  std::string text = request.method + "\n";
  for (const char* name : {"content-encoding", "content-language", "content-length", "content-md5", "content-type",
                           "date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"}) {
    text += headers[name] + "\n";
  }
  for (const auto& [name, value] : headers) {
    if (name.starts_with("x-ms-")) text += name + ":" + value + "\n";
  }
  ((text += "/") += account) += request.path;
  auto query = request.query;
  std::ranges::sort(query);
  for (const auto& [name, value] : query) text += "\n" + name + ":" + value;
  return text;
}

std::string Authorization(std::string_view account, ByteSpan key, const Unsigned& request) {
  const std::string text = StringToSign(account, request);
  return fmt::format("SharedKey {}:{}", account, http::Base64Encode(HmacSha256(key, {AsBytes(text)}).bytes()));
}

}  // namespace cairn::azure
