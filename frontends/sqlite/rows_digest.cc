#include "frontends/sqlite/rows_digest.h"

#include <cstring>

#include "engine/crypto/hash.h"

namespace cairn::sqlite {
namespace {

template <class Number>
void AppendNumber(Bytes& bytes, Number number) {
  const size_t size = bytes.size();
  bytes.resize(size + sizeof number);
  std::memcpy(bytes.data() + size, &number, sizeof number);
}

void AppendValue(Bytes& bytes, sqlite3_stmt* row, int column) {
  const int type = sqlite3_column_type(row, column);
  bytes.push_back(static_cast<uint8_t>(type));
  if (type == SQLITE_INTEGER) return AppendNumber(bytes, sqlite3_column_int64(row, column));
  // Plus zero makes one of the two zeros: a column of reals keeps no sign of them.
  if (type == SQLITE_FLOAT) return AppendNumber(bytes, sqlite3_column_double(row, column) + 0.0);
  if (type == SQLITE_NULL) return;
  const void* const value = type == SQLITE_TEXT ? static_cast<const void*>(sqlite3_column_text(row, column))
                                                : sqlite3_column_blob(row, column);
  const auto size = static_cast<size_t>(sqlite3_column_bytes(row, column));
  AppendNumber(bytes, static_cast<uint64_t>(size));
  if (size > 0) Append(bytes, ByteSpan(static_cast<const uint8_t*>(value), size));
}

}  // namespace

void RowsDigest::Add(sqlite3_stmt* row) {
  Bytes bytes;
  for (int i = 0; i < sqlite3_column_count(row); ++i) AppendValue(bytes, row, i);
  const Digest one = Sha256(bytes);
  for (size_t i = 0; i < sum.size(); ++i) {
    uint64_t lane = 0;
    std::memcpy(&lane, one.bytes().data() + i * sizeof lane, sizeof lane);
    sum[i] += lane;
  }
  ++rows;
}

Result<RowsDigest> DigestRows(const Session& session, const std::string& query) {
  RowsDigest digest;
  RETURN_IF_ERROR(session.ForEachRow(query, [&](sqlite3_stmt* row) { digest.Add(row); }));
  return digest;
}

}  // namespace cairn::sqlite
