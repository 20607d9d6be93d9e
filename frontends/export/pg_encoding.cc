#include "frontends/export/pg_encoding.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <utility>

#include "repo-format/tree_path.h"

namespace cairn::exports {
namespace {

// Encodings that a server may have, by PostgreSQL's names and by iconv's; ASCII is the same in all of them.
constexpr std::array<std::pair<std::string_view, const char*>, 31> kNames = {{
    {"LATIN1", "ISO-8859-1"},     {"LATIN2", "ISO-8859-2"},     {"LATIN3", "ISO-8859-3"},
    {"LATIN4", "ISO-8859-4"},     {"LATIN5", "ISO-8859-9"},     {"LATIN6", "ISO-8859-10"},
    {"LATIN7", "ISO-8859-13"},    {"LATIN8", "ISO-8859-14"},    {"LATIN9", "ISO-8859-15"},
    {"LATIN10", "ISO-8859-16"},   {"ISO_8859_5", "ISO-8859-5"}, {"ISO_8859_6", "ISO-8859-6"},
    {"ISO_8859_7", "ISO-8859-7"}, {"ISO_8859_8", "ISO-8859-8"}, {"WIN1250", "CP1250"},
    {"WIN1251", "CP1251"},        {"WIN1252", "CP1252"},        {"WIN1253", "CP1253"},
    {"WIN1254", "CP1254"},        {"WIN1255", "CP1255"},        {"WIN1256", "CP1256"},
    {"WIN1257", "CP1257"},        {"WIN1258", "CP1258"},        {"WIN866", "CP866"},
    {"WIN874", "CP874"},          {"KOI8R", "KOI8-R"},          {"KOI8U", "KOI8-U"},
    {"EUC_JP", "EUC-JP"},         {"EUC_CN", "EUC-CN"},         {"EUC_KR", "EUC-KR"},
    {"EUC_TW", "EUC-TW"},
}};

bool IsAscii(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

struct PgEncoder::Converter {
  iconv_t iconv;
  explicit Converter(const char* to) : iconv(::iconv_open(to, "UTF-8")) {}
  ~Converter() {
    if (is_known()) ::iconv_close(iconv);
  }
  bool is_known() const { return iconv != reinterpret_cast<iconv_t>(-1); }
};

PgEncoder::PgEncoder(std::string encoding) : encoding_(std::move(encoding)) {
  const auto found =
      std::ranges::find(kNames, std::string_view(encoding_), &std::pair<std::string_view, const char*>::first);
  if (found != kNames.end()) converter_ = std::make_unique<Converter>(found->second);
}

PgEncoder::~PgEncoder() = default;

Result<std::string> PgEncoder::Encode(const std::string& text) const {
  if (encoding_ == "UTF8" || encoding_ == "SQL_ASCII" || IsAscii(text)) return text;
  if (converter_ == nullptr || !converter_->is_known()) {
    return MakeError(
        ErrorCode::kInvalidArgument,
        "the name {} cannot be written: nothing here converts to the database's encoding {}; cairn restore "
        "--postgres needs no such thing",
        PathForPeople(AsBytes(text)), encoding_);
  }
  std::string input = text, output(4 * text.size() + 8, '\0');
  char *from = input.data(), *to = output.data();
  size_t from_left = input.size(), to_left = output.size();
  ::iconv(converter_->iconv, nullptr, nullptr, nullptr, nullptr);
  if (::iconv(converter_->iconv, &from, &from_left, &to, &to_left) == static_cast<size_t>(-1)) {
    return MakeError(ErrorCode::kInvalidArgument, "the name {} cannot be said in the database's encoding {}",
                     PathForPeople(AsBytes(text)), encoding_);
  }
  output.resize(output.size() - to_left);
  return output;
}

}  // namespace cairn::exports
