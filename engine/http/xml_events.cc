#include "engine/http/xml_events.h"

#include <expat.h>

#include <limits>
#include <optional>
#include <vector>

#include "repo-format/base/check.h"
#include "repo-format/base/units.h"

namespace cairn::http {
namespace {

constexpr size_t kDepthMax = 32;
constexpr size_t kTextBytesMax = 64 * kKiB;
constexpr XML_Char kNamespaceEnd = '\n';  // between a name and the address of its namespace; in neither of them

}  // namespace

struct XmlEvents::State {
  struct Free {
    void operator()(XML_ParserStruct* gone) const { XML_ParserFree(gone); }
  };
  struct Element {
    size_t path_bytes = 0;  // of its parent
    std::string text;
  };

  explicit State(XmlHandler given) : handler(std::move(given)), parser(XML_ParserCreateNS(nullptr, kNamespaceEnd)) {
    CHECK(parser != nullptr);
    XML_SetUserData(parser.get(), this);
    XML_SetElementHandler(
        parser.get(),
        [](void* user, const XML_Char* name, const XML_Char**) { static_cast<State*>(user)->Begin(name); },
        [](void* user, const XML_Char*) { static_cast<State*>(user)->End(); });
    XML_SetCharacterDataHandler(parser.get(), [](void* user, const XML_Char* text, int length) {
      static_cast<State*>(user)->Text({text, static_cast<size_t>(length)});
    });
    XML_SetStartDoctypeDeclHandler(parser.get(),
                                   [](void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) {
                                     static_cast<State*>(user)->Stop(Corrupt("the answer declares a type of document"));
                                   });
  }

  void Stop(Error why) {
    if (error) return;
    error = std::move(why);
    XML_StopParser(parser.get(), XML_FALSE);
  }
  void Begin(std::string_view name) {
    if (error) return;
    if (open.size() >= kDepthMax) return Stop(Corrupt("the answer's elements nest deeper than {}", kDepthMax));
    open.push_back({path.size(), {}});
    const size_t end = name.find(kNamespaceEnd);  // the namespace comes first
    const std::string_view space = end == std::string_view::npos ? "" : name.substr(0, end);
    if (end != std::string_view::npos) name.remove_prefix(end + 1);
    (path += '/') += name;
    if (handler.begin) Take(handler.begin(path));
    if (handler.named) Take(handler.named(space, name, open.size() - 1));
  }
  void Take(Result<void> told) {
    if (!told) Stop(std::move(told).error());
  }
  void End() {
    if (error) return;
    const Element element = std::move(open.back());
    open.pop_back();
    if (handler.end) Take(handler.end(path, element.text));
    path.resize(element.path_bytes);
  }
  void Text(std::string_view text) {
    if (error || open.empty()) return;
    if (open.back().text.size() + text.size() > kTextBytesMax) {
      return Stop(Corrupt("a text in the answer is longer than {} bytes", kTextBytesMax));
    }
    open.back().text += text;
  }
  Result<void> Parse(ByteSpan piece, bool is_last) {
    CHECK(piece.size() <= static_cast<size_t>(std::numeric_limits<int>::max()));
    const XML_Status status = XML_Parse(parser.get(), reinterpret_cast<const char*>(piece.data()),
                                        static_cast<int>(piece.size()), is_last ? 1 : 0);
    if (error) return *error;
    if (status == XML_STATUS_OK) return {};
    return Corrupt("the answer is no XML: {} in line {}", XML_ErrorString(XML_GetErrorCode(parser.get())),
                   XML_GetCurrentLineNumber(parser.get()));
  }

  XmlHandler handler;
  std::unique_ptr<XML_ParserStruct, Free> parser;
  std::string path;
  std::vector<Element> open;
  std::optional<Error> error;
};

XmlEvents::XmlEvents(XmlHandler handler) : state_(std::make_unique<State>(std::move(handler))) {}
XmlEvents::~XmlEvents() = default;

Result<void> XmlEvents::Push(ByteSpan piece) { return state_->Parse(piece, false); }
Result<void> XmlEvents::Finish() { return state_->Parse({}, true); }

Result<void> ReadXml(ByteSpan document, XmlHandler handler) {
  XmlEvents events(std::move(handler));
  RETURN_IF_ERROR(events.Push(document));
  return events.Finish();
}

}  // namespace cairn::http
