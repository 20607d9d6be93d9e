// A create.pgdump as pg_dump would write it, of the entries that a test names.
#pragma once

#include <string>
#include <vector>

#include "frontends/postgres/definitions.h"
#include "repo-format/base/bytes.h"

namespace cairn::postgres {

class ArchiveText {
 public:
  explicit ArchiveText(uint8_t minor = 14) : minor_(minor) {}

  Bytes Write(const std::vector<Definition>& entries) {
    text_ = "PGDMP";
    for (const uint8_t byte : {uint8_t{1}, minor_, uint8_t{0}, uint8_t{4}, uint8_t{8}, uint8_t{1}}) Byte(byte);
    if (minor_ >= 15) {
      Byte(0);
    } else {
      Int(0);
    }
    for (int i = 0; i < 7; ++i) Int(0);
    for (const char* one : {"shop", "15.1", "15.1"}) Text(one);
    Int(static_cast<int>(entries.size()));
    for (const Definition& one : entries) Entry(one);
    return ToBytes(AsBytes(text_));
  }

 private:
  void Byte(uint8_t byte) { text_ += static_cast<char>(byte); }
  void Int(int value) {
    Byte(value < 0 ? 1 : 0);
    const auto size = static_cast<uint32_t>(value < 0 ? -value : value);
    for (int i = 0; i < 4; ++i) Byte(static_cast<uint8_t>(size >> (8 * i)));
  }
  void Text(const std::string& text) {
    Int(static_cast<int>(text.size()));
    text_ += text;
  }
  void Entry(const Definition& one) {
    Int(one.id);
    Int(0);
    Text("1259");
    Text("16384");
    Text(one.name);
    Text(one.kind);
    Int(2);
    Text(one.create);
    Text(one.drop);
    Int(-1);  // no COPY
    Text(one.schema);
    Text(one.tablespace);
    Text("heap");
    if (minor_ >= 16) Int('r');
    Text(one.owner);
    Text("false");
    for (const int need : one.needs) Text(std::to_string(need));
    Int(-1);
    for (int i = 0; i < 9; ++i) Byte(0);
  }

  const uint8_t minor_;
  std::string text_;
};

}  // namespace cairn::postgres
