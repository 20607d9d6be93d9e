#include "frontends/config/compression_option.h"

#include <charconv>

namespace cairn {

Result<Compression> ParseCompression(const std::string& text) {
  for (const auto& [name, level] : {std::pair("off", 0), std::pair("fast", 1), std::pair("default", 2),
                                    std::pair("better", 7), std::pair("max", 19)}) {
    if (text == name) return Compression{level};
  }
  int level = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), level);
  if (error == std::errc() && end == text.data() + text.size() && level >= 0 && level <= 19) return Compression{level};
  return MakeError(ErrorCode::kInvalidArgument,
                   "\"{}\" is no compression: expected 0 to 19, off, fast, default, better or max", text);
}

}  // namespace cairn
