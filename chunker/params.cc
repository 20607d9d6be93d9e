#include "chunker/params.h"

namespace cairn::chunker {

std::optional<std::string> ChunkerParams::Problem() const {
  if (IsUnsupported()) return "chunker " + std::to_string(static_cast<unsigned>(kind)) + " is not known";
  if (size_min > size_average || size_average > size_max) return "sizes must not descend: minimum, average, maximum";
  if (size_max > kSizeMaxMax) return "the maximum is " + std::to_string(size_max) + ", at most 8 MiB is allowed";
  if (kind == ChunkerKind::kFixed) {
    const bool equal = size_min == size_average && size_average == size_max && size_max > 0;
    return equal ? std::nullopt : std::optional<std::string>("fixed sizes must be equal and above zero");
  }
  if (size_min < kWindow) return "the minimum is " + std::to_string(size_min) + ", at least 64 is needed";
  return std::nullopt;
}

}  // namespace cairn::chunker
