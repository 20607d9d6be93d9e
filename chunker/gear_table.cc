#include "chunker/gear_table.h"

namespace cairn::chunker {

GearTable GearTable::FromMaterial(std::span<const uint8_t, kMaterialSize> material) {
  GearTable table;
  for (size_t i = 0; i < 256; ++i) {
    for (size_t byte = 8; byte-- > 0;) table.table_[i] = table.table_[i] << 8 | material[i * 8 + byte];
  }
  return table;
}

}  // namespace cairn::chunker
