#include "frontends/serve/propfind.h"

#include <algorithm>
#include <array>

#include "engine/http/xml_events.h"
#include "engine/repo/time_text.h"
#include "frontends/serve/markup.h"

namespace cairn::serve {
namespace {

constexpr std::string_view kDav = "DAV:";
constexpr std::string_view kXmlItself = "http://www.w3.org/XML/1998/namespace";  // has no prefix but its own

// What is known of a resource, in XML; nothing where it has no such property.
using Value = std::optional<std::string> (*)(const Resource& resource);
struct Property {
  std::string_view name;  // in DAV:
  bool is_of_all;         // told where all are asked for; RFC 4331 says that quotas are not
  Value value;
};

std::optional<std::string> OfFile(const Resource& resource, std::string value) {
  if (resource.is_folder) return std::nullopt;
  return value;
}

std::optional<std::string> CreationDate(const Resource& resource) {
  if (!resource.born || !HttpDate(*resource.born)) return std::nullopt;
  std::string text = FormatTime(*resource.born, 0);
  std::ranges::replace(text, ' ', 'T');
  return text + "Z";
}

constexpr auto kProperties = std::to_array<Property>({
    {"creationdate", true, CreationDate},
    {"displayname", true, [](const Resource& resource) { return std::optional(MarkupText(resource.name)); }},
    {"getcontentlength", true,
     [](const Resource& resource) {
       return resource.size ? OfFile(resource, std::to_string(*resource.size)) : std::nullopt;
     }},
    {"getcontenttype", true,
     [](const Resource& resource) { return OfFile(resource, std::string(ContentType(resource.name))); }},
    {"getetag", true, [](const Resource& resource) { return OfFile(resource, MarkupText(resource.etag)); }},
    {"getlastmodified", true,
     [](const Resource& resource) { return resource.modified ? HttpDate(*resource.modified) : std::nullopt; }},
    {"quota-available-bytes", false,
     [](const Resource& resource) -> std::optional<std::string> {
       if (!resource.is_folder) return std::nullopt;
       return "0";
     }},
    {"quota-used-bytes", false,
     [](const Resource& resource) -> std::optional<std::string> {
       if (!resource.used) return std::nullopt;
       return std::to_string(*resource.used);
     }},
    {"resourcetype", true,
     [](const Resource& resource) { return std::optional<std::string>(resource.is_folder ? "<D:collection/>" : ""); }},
    {"supportedlock", true, [](const Resource&) { return std::optional<std::string>(""); }},
});

const Property* FindProperty(const PropertyName& name) {
  if (name.space != kDav) return nullptr;
  const auto found = std::ranges::find(kProperties, std::string_view(name.name), &Property::name);
  return found == kProperties.end() ? nullptr : &*found;
}

void AddElement(std::string& text, std::string_view name, const std::string& value) {
  if (value.empty()) {
    text += fmt::format("<D:{}/>", name);
  } else {
    text += fmt::format("<D:{}>{}</D:{}>", name, value, name);
  }
}

struct Told {
  std::string found, missing;  // elements
};

void AddNamed(Told& told, const Resource& resource, const PropertyName& name) {
  const Property* property = FindProperty(name);
  const auto value = property == nullptr ? std::nullopt : property->value(resource);
  if (value) return AddElement(told.found, name.name, *value);
  if (name.space == kDav) return AddElement(told.missing, name.name, "");
  if (name.space.empty()) {
    told.missing += fmt::format("<{} xmlns=\"\"/>", name.name);
  } else {
    told.missing += fmt::format("<x:{} xmlns:x=\"{}\"/>", name.name, MarkupText(name.space));
  }
}

Told Tell(const Resource& resource, const Propfind& asked) {
  Told told;
  for (const Property& property : kProperties) {
    if (asked.kind == Propfind::Kind::kNamed) break;
    const auto value = property.value(resource);
    if (!value) continue;
    if (asked.kind == Propfind::Kind::kNames) {
      AddElement(told.found, property.name, "");
    } else if (property.is_of_all) {
      AddElement(told.found, property.name, *value);
    }
  }
  if (asked.kind == Propfind::Kind::kNames) return told;
  for (const PropertyName& name : asked.names) {
    const Property* property = FindProperty(name);
    const bool is_told = asked.kind == Propfind::Kind::kAll && property != nullptr && property->is_of_all;
    if (!is_told) AddNamed(told, resource, name);
  }
  return told;
}

std::string Propstat(const std::string& elements, std::string_view status) {
  return fmt::format("<D:propstat><D:prop>{}</D:prop><D:status>HTTP/1.1 {}</D:status></D:propstat>", elements, status);
}

Error NoPropfind(std::string_view why) {
  return MakeError(ErrorCode::kInvalidArgument, "the body is no PROPFIND that can be read: {}", why);
}

// Takes the elements of a request in their order.
class Reader {
 public:
  Result<void> Take(std::string_view space, std::string_view name, size_t depth) {
    const bool is_dav = space == kDav;
    if (depth == 0 && (!is_dav || name != "propfind")) return NoPropfind("its root is not DAV: propfind");
    if (depth == 1) TakeChoice(is_dav ? name : "");
    if (depth != 2 || !takes_names_) return {};
    if (space == kXmlItself) return NoPropfind("a property is named in the namespace of XML itself");
    if (asked_.names.size() == Propfind::kNamesMax) {
      return NoPropfind(fmt::format("it names more than {} properties", Propfind::kNamesMax));
    }
    names_bytes_ += space.size() + name.size();
    if (names_bytes_ > Propfind::kNamesBytesMax) {
      return NoPropfind(fmt::format("the names of its properties have more than {} bytes", Propfind::kNamesBytesMax));
    }
    asked_.names.push_back({std::string(space), std::string(name)});
    return {};
  }
  Result<Propfind> Finish() && {
    if (!has_choice_) return NoPropfind("it has none of allprop, propname and prop");
    return std::move(asked_);
  }

 private:
  void TakeChoice(std::string_view name) {
    takes_names_ = name == "prop" || name == "include";
    const bool is_choice = name == "allprop" || name == "propname" || name == "prop";
    if (!is_choice) return;  // RFC 4918, 17: what is not known is passed over
    has_choice_ = true;
    asked_.kind = name == "prop"       ? Propfind::Kind::kNamed
                  : name == "propname" ? Propfind::Kind::kNames
                                       : Propfind::Kind::kAll;
  }

  Propfind asked_;
  bool has_choice_ = false, takes_names_ = false;
  size_t names_bytes_ = 0;
};

}  // namespace

Result<Propfind> Propfind::Parse(ByteSpan body) {
  if (body.empty()) return Propfind();
  Reader reader;
  const auto read = http::ReadXml(body, {.begin = {}, .end = {}, .named = [&](auto space, auto name, size_t depth) {
                                           return reader.Take(space, name, depth);
                                         }});
  if (!read && read.error().code() == ErrorCode::kInvalidArgument) return read.error();
  if (!read) return NoPropfind("it is no XML, nests too deep or declares a type of document");
  return std::move(reader).Finish();
}

std::string MultistatusBegin() {
  return "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\">\n";
}

std::string MultistatusEntry(const Resource& resource, const Propfind& asked) {
  const Told told = Tell(resource, asked);
  std::string text = fmt::format("<D:response><D:href>{}</D:href>", resource.href);
  if (!told.found.empty() || told.missing.empty()) text += Propstat(told.found, "200 OK");
  if (!told.missing.empty()) text += Propstat(told.missing, "404 Not Found");
  return text + "</D:response>\n";
}

std::string MultistatusEnd() { return "</D:multistatus>\n"; }

}  // namespace cairn::serve
