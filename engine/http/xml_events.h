// XML as web stores answer it and WebDAV clients ask in it, as a stream of events.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::http {

// Names are without their namespace. `path` is of the element: the names from the root down, each after a "/". Any of
// them may be empty.
struct XmlHandler {
  std::function<Result<void>(std::string_view path)> begin;
  std::function<Result<void>(std::string_view path, const std::string& text)> end;  // the text right inside it
  // Where an element begins, with the address of its namespace, "" where it has none. The root's depth is 0.
  std::function<Result<void>(std::string_view space, std::string_view name, size_t depth)> named = {};
};

// Takes a document in pieces. kCorrupt where it is no XML, nests deeper than 32, declares a DTD (no store does), or has
// a text longer than 64 KiB. One thread at a time.
class XmlEvents {
 public:
  explicit XmlEvents(XmlHandler handler);
  ~XmlEvents();
  XmlEvents(const XmlEvents&) = delete;
  XmlEvents& operator=(const XmlEvents&) = delete;

  Result<void> Push(ByteSpan piece);
  Result<void> Finish();  // once: the document ends here

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// All of a document at once.
Result<void> ReadXml(ByteSpan document, XmlHandler handler);

}  // namespace cairn::http
