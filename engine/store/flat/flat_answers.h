// What servers without folders answer alike, S3's and Azure's: failures, pages of listings, ranges.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/env/clock.h"
#include "engine/http/client.h"
#include "engine/store/object_store.h"

namespace cairn::flat {

// Of an answer that is no success.
struct Failure {
  int status = 0;
  std::string code;     // "NoSuchKey", "BlobNotFound"; "" where the server gave none (HEAD, a proxy)
  std::string message;  // for people; short, in one line
};
// "GET it: the server answered 404 NoSuchKey (There is none.)". `what` is told first: the object, or what was asked
// for.
std::string Said(const Failure& failure, std::string_view what);
// What the status says, where the code says no more.
ErrorCode CodeOfStatus(const Failure& failure);
// May the same request succeed later? By the status; what a server does not say itself is not its last word.
bool MayPassByStatus(const Failure& failure);

struct ListedObject {
  std::string key;
  uint64_t size = 0;
  UnixNs modified = 0;  // 0: not said
  std::string tag;      // its ETag, without quotes; "" where the listing has none
};
struct ListedPage {
  std::vector<ListedObject> objects;
  std::string next;  // the token of the next page; "" where this is the last
};
// A page that is the answer to this prefix and token. What is none is not the server's (a proxy's, or cut off):
// transient kIo, naming `what`.
Result<ListedPage> CheckedPage(Result<ListedPage> page, std::string_view prefix, std::string_view token,
                               std::string_view what);
// Tells the objects of all pages, of which one at a time is in memory. `page_of` gives the one of a token, the first of
// "". Names are keys without `above`; what is below "tmp/" there is no object.
using PageOf = std::function<Result<ListedPage>(const std::string& token)>;
Result<void> ListPages(const PageOf& page_of, std::string_view above, const ObjectStore::Each& each,
                       const ObjectStore::Stranger& stranger);

// As ObjectStore::GetRange has it. `what` is told; `get` asks for it with the header Range, whatever is answered;
// `judge` gives the answer where it is a success, else what it means; `stat` asks for the size.
struct RangeAsker {
  std::string what;
  std::function<Result<http::Response>(const std::string& range)> get;
  std::function<Result<http::Response>(http::Response response)> judge;
  std::function<Result<ObjectInfo>()> stat;
};
Result<Bytes> GetRange(const RangeAsker& asker, uint64_t offset, uint64_t size);

// Of a PutIfAbsent that was told that the name is filled: `there` is what was read then, with room for these bytes and
// no more. A request over a connection that broke is sent again: the name may hold what the first of the two has put.
Result<bool> IsOwnPut(Result<http::Response> there, ByteSpan bytes, std::string_view what);

}  // namespace cairn::flat
