#include "frontends/postgres/copy_text.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "repo-format/base/units.h"

namespace cairn::postgres {
namespace {

constexpr size_t kRowBytesMax = 2 * kGiB;

char Unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    default:
      return c;
  }
}

}  // namespace

std::optional<std::string> CopyValue(std::string_view raw) {
  if (raw == "\\N") return std::nullopt;
  std::string value;
  value.reserve(raw.size());
  for (size_t i = 0; i < raw.size(); ++i) {
    const size_t plain = std::min(raw.find('\\', i), raw.size());
    value.append(raw, i, plain - i);
    i = plain;
    if (i + 1 < raw.size()) value += Unescaped(raw[++i]);
  }
  return value;
}

CopyRows::CopyRows(size_t columns, Each each) : each_(std::move(each)), values_(columns) {}

Result<void> CopyRows::Row(std::string_view row) {
  ++rows_;
  row_begin_ = std::exchange(next_begin_, next_begin_ + row.size() + 1);
  if (values_.empty()) {
    if (!row.empty()) return Corrupt("row {} has values, and the table has no columns", rows_);
    return each_(values_);
  }
  size_t begin = 0;
  for (size_t i = 0; i < values_.size(); ++i) {
    const bool is_last = i + 1 == values_.size();
    const size_t tab = row.find('\t', begin);
    if ((tab == std::string_view::npos) != is_last) {
      return Corrupt("row {} has {} than {} values", rows_, is_last ? "more" : "fewer", values_.size());
    }
    values_[i] = CopyValue(row.substr(begin, is_last ? std::string_view::npos : tab - begin));
    begin = tab + 1;
  }
  return each_(values_);
}

Result<void> CopyRows::Take(ByteSpan bytes) {
  for (std::string_view rest = AsText(bytes); !rest.empty();) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) {
      if (begun_.size() + rest.size() > kRowBytesMax) {
        return MakeError(ErrorCode::kUnsupported, "row {} has more than {} bytes", rows_ + 1, kRowBytesMax);
      }
      begun_ += rest;
      return {};
    }
    if (begun_.empty()) {
      RETURN_IF_ERROR(Row(rest.substr(0, end)));
    } else {
      begun_ += rest.substr(0, end);
      RETURN_IF_ERROR(Row(begun_));
      begun_.clear();
    }
    rest.remove_prefix(end + 1);
  }
  return {};
}

Result<void> CopyRows::End() {
  if (begun_.empty()) return {};
  return Corrupt("the rows end within row {}", rows_ + 1);
}

}  // namespace cairn::postgres
