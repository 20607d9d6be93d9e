// MD5, for what others compare with it. Nothing of ours rests on it. RFC 1321.
#pragma once

#include <array>

#include "repo-format/base/bytes.h"

namespace cairn {

std::array<uint8_t, 16> Md5(ByteSpan bytes);

}  // namespace cairn
