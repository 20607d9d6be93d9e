// JSON, as much of it as rclone's remote control speaks. RFC 8259.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::rclone {

// A text in quotes. Bytes that are no UTF-8 are left as they are.
std::string JsonQuoted(std::string_view text);

// The members of an object that are texts (decoded), numbers, true or false (as they stand there); what is nested, and
// null, is left out. kCorrupt where it is no object, or nests deeper than 32.
Result<std::map<std::string, std::string>> ParseJsonObject(std::string_view text);

// Takes {"list":[{...},{...}]} in pieces, and tells the text of each object of the list as it comes. One thread at a
// time; in memory: one object, of 64 KiB at most.
class JsonListReader {
 public:
  using Each = std::function<Result<void>(std::string_view object)>;
  explicit JsonListReader(Each each) : each_(std::move(each)) {}

  Result<void> Push(ByteSpan piece);
  Result<void> Finish() const;  // once: the document ends here. kCorrupt where it is not whole

 private:
  Result<void> TakeCharacter(char c);
  Result<void> TakeBracket(char c);

  const Each each_;
  std::string object_;    // as far as it has come
  std::string brackets_;  // that are open
  bool in_text_ = false, is_escaped_ = false, has_list_ = false, is_over_ = false;
};

}  // namespace cairn::rclone
