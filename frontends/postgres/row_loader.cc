#include "frontends/postgres/row_loader.h"

#include <fmt/format.h>

#include "frontends/postgres/load_script.h"
#include "repo-format/base/units.h"

namespace cairn::postgres {
namespace {

constexpr size_t kVerifyBytes = 256 * kKiB;
constexpr uint64_t kLargeObjectPiece = kMiB;

std::string BytesLiteral(ByteSpan bytes) { return "'\\x" + ToHex(bytes) + "'::bytea"; }

}  // namespace

Result<CopiedRows> CopyRowsIn(Connection& connection, const std::string& statement, DumpReader& dump,
                              const TableDescription& table, Progress& progress) {
  RETURN_IF_ERROR(connection.BeginCopyIn(statement));
  ChecksumStream checksum;
  CopiedRows copied;
  RETURN_IF_ERROR(dump.Stream(table.file, [&](ByteSpan part) -> Result<void> {
    checksum.Update(part);
    copied.bytes += part.size();
    progress.bytes_done += part.size();
    return connection.WriteCopy(part);
  }));
  ASSIGN_OR_RETURN(copied.rows, connection.EndCopyIn());
  if (table.rows && copied.rows != *table.rows) {
    return MakeError(ErrorCode::kIo, "the dump says {} rows, the server took {}", *table.rows, copied.rows);
  }
  copied.checksum = checksum.Finish();
  return copied;
}

Result<void> VerifyCopiedRows(Connection& connection, const std::string& statement, const CopiedRows& wanted) {
  RETURN_IF_ERROR(connection.BeginCopyOut(statement));
  ChecksumStream checksum;
  uint64_t bytes = 0;
  Bytes buffer(kVerifyBytes);
  for (;;) {
    ASSIGN_OR_RETURN(const size_t got, connection.ReadCopy(buffer));
    if (got == 0) break;
    checksum.Update(ByteSpan(buffer).first(got));
    bytes += got;
  }
  if (bytes == wanted.bytes && checksum.Finish() == wanted.checksum) return {};
  return Error(ErrorCode::kIo, "read again, its rows are not those of the dump");
}

Result<CopiedRows> RowLoader::Load(const TableDescription& table, bool is_new) {
  return CopyRowsIn(connection_, CopyInStatement(table) + (is_new ? " WITH (FREEZE)" : ""), dump_, table, progress_);
}

Result<void> RowLoader::Verify(const TableDescription& table, const CopiedRows& wanted) {
  TableDescription as_it_lies = table;
  as_it_lies.by_key = false;
  return VerifyCopiedRows(connection_, CopyOutStatement(as_it_lies), wanted);
}

Result<uint64_t> RowLoader::LoadLargeObject(const LargeObject& object, bool with_owner, bool verifies) {
  RETURN_IF_ERROR(connection_.Query(fmt::format("SELECT pg_catalog.lo_create({})", object.oid)));
  ChecksumStream checksum, checksum_again;
  uint64_t size = 0;
  Bytes piece;
  const auto put = [&]() -> Result<void> {
    if (piece.empty()) return {};
    RETURN_IF_ERROR(
        connection_.Query(fmt::format("SELECT pg_catalog.lo_put({}, {}, {})", object.oid, size, BytesLiteral(piece))));
    size += piece.size();
    piece.clear();
    return {};
  };
  const std::string file = fmt::format("{}/{}/{}", kDataFolder, kLargeObjectsFolder, object.oid);
  RETURN_IF_ERROR(dump_.Stream(file, [&](ByteSpan bytes) -> Result<void> {
    checksum.Update(bytes);
    Append(piece, bytes);
    return piece.size() >= kLargeObjectPiece ? put() : Result<void>();
  }));
  RETURN_IF_ERROR(put());
  for (uint64_t offset = 0; verifies && offset <= size; offset += kLargeObjectPiece) {
    ASSIGN_OR_RETURN(const Rows rows, connection_.Query(fmt::format("SELECT pg_catalog.lo_get({}, {}, {})", object.oid,
                                                                    offset, kLargeObjectPiece)));
    checksum_again.Update(rows.Decoded(0, 0));
  }
  if (verifies && checksum.Finish() != checksum_again.Finish()) {
    return Error(ErrorCode::kIo, "read again, its bytes are not those of the dump");
  }
  if (with_owner) RETURN_IF_ERROR(Give(object));
  if (object.comment) {
    RETURN_IF_ERROR(
        connection_.Query(fmt::format("COMMENT ON LARGE OBJECT {} IS {}", object.oid, QuoteLiteral(*object.comment))));
  }
  return size;
}

Result<void> RowLoader::Give(const LargeObject& object) {
  const std::string owner = QuoteName(object.owner);
  RETURN_IF_ERROR(connection_.Query(fmt::format("ALTER LARGE OBJECT {} OWNER TO {}", object.oid, owner)));
  if (!object.grants) return {};
  RETURN_IF_ERROR(connection_.Query(fmt::format("REVOKE ALL ON LARGE OBJECT {} FROM {}", object.oid, owner)));
  for (const Grant& grant : *object.grants) {
    RETURN_IF_ERROR(NeedPrivilege(grant.privilege));
    RETURN_IF_ERROR(connection_.Query(fmt::format("GRANT {} ON LARGE OBJECT {} TO {}{}", grant.privilege, object.oid,
                                                  grant.grantee.empty() ? "PUBLIC" : QuoteName(grant.grantee),
                                                  grant.grantable ? " WITH GRANT OPTION" : "")));
  }
  return {};
}

}  // namespace cairn::postgres
