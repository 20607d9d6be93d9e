// What the local time zone is called, from what the system says about it.
#pragma once

#include <optional>
#include <string>

namespace cairn {

// The three places where a name may stand, as they were read.
struct ZoneSources {
  std::optional<std::string> variable;  // TZ; not set: the system's zone
  std::string localtime_target;         // of the link /etc/localtime; "" where it is no link
  std::string timezone_file;            // the text of /etc/timezone; "" where it is missing
};

// An IANA name ("Europe/Berlin"), or "" where none can be had: a TZ such as "CET-1CEST" is a rule, not a name.
std::string ZoneNameFrom(const ZoneSources& sources);

}  // namespace cairn
