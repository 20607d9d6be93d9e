// PROPFIND: what a client asks to know of files and folders, and how it is told. RFC 4918, sections 9.1 and 13.
#pragma once

#include <string>
#include <vector>

#include "frontends/serve/resource.h"
#include "repo-format/base/result.h"

namespace cairn::serve {

struct PropertyName {
  std::string space;  // the address of its namespace; may be empty
  std::string name;
  friend bool operator==(const PropertyName&, const PropertyName&) = default;
};

struct Propfind {
  enum class Kind : uint8_t { kAll, kNames, kNamed };
  Kind kind = Kind::kAll;
  std::vector<PropertyName> names;  // kNamed; of kAll those to be told beside
  static constexpr size_t kNamesMax = 100;
  // With their namespaces, which are said once and stand for each: an answer repeats them for every file.
  static constexpr size_t kNamesBytesMax = 16 * 1024;

  // An empty body asks for all. kInvalidArgument where it is no PROPFIND, or names too many.
  static Result<Propfind> Parse(ByteSpan body);
};

// The answer in pieces: begin, an entry each, end.
std::string MultistatusBegin();
std::string MultistatusEntry(const Resource& resource, const Propfind& asked);
std::string MultistatusEnd();

}  // namespace cairn::serve
