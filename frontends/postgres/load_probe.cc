#include "frontends/postgres/load_probe.h"

#include <fmt/format.h>

#include <cmath>

#include "frontends/postgres/shared_snapshot.h"
#include "repo-format/base/units.h"

namespace cairn::postgres {
namespace {

constexpr std::chrono::seconds kProbe{3};
constexpr uint64_t kProbeBytesMax = 256 * kMiB;
constexpr double kVerifyShare = 0.5;  // reading again, of what loading takes

std::string Columns(const TableDescription& table) {
  std::string text;
  size_t number = 0;
  for (const Column& column : table.columns) {
    if (!column.generated) text += fmt::format("{}c{} text", text.empty() ? "" : ", ", number++);
  }
  return text;
}

}  // namespace

Result<std::optional<double>> SecondsOfRows(const Address& address, DumpReader& dump,
                                            const DatabaseDescription& description, bool verifies,
                                            const stream::Waiter& waiter, const Clock& clock) {
  const TableDescription* largest = nullptr;
  uint64_t bytes = 0, bytes_of_largest = 0;
  for (const TableDescription& table : description.tables) {
    if (table.file.empty()) continue;
    ASSIGN_OR_RETURN(const uint64_t size, dump.Size(table.file));
    bytes += size;
    if (size <= bytes_of_largest) continue;
    largest = &table;
    bytes_of_largest = size;
  }
  if (largest == nullptr) return std::optional<double>();
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(address, waiter));
  auto begun = connection->Query("BEGIN; " + ReadingSettings(*connection) + " CREATE TEMPORARY TABLE cairn_probe (" +
                                 Columns(*largest) + ") ON COMMIT DROP");
  if (begun) RETURN_IF_ERROR(connection->BeginCopyIn("COPY pg_temp.cairn_probe FROM STDIN"));
  if (!begun && begun.error().code() == ErrorCode::kPermission) return std::optional<double>();
  RETURN_IF_ERROR(begun);
  const auto start = clock.Steady();
  uint64_t done = 0;
  bool is_cut = false;
  auto streamed = dump.Stream(largest->file, [&](ByteSpan part) -> Result<void> {
    is_cut = clock.Steady() - start >= kProbe || done >= kProbeBytesMax;
    if (is_cut) return Error(ErrorCode::kInterrupted, "enough was seen");
    done += part.size();
    return connection->WriteCopy(part);
  });
  if (!is_cut) {
    RETURN_IF_ERROR(streamed);
    RETURN_IF_ERROR(connection->EndCopyIn());
  }
  const double seconds = std::chrono::duration<double>(clock.Steady() - start).count();
  if (done == 0) return std::optional<double>();
  return std::optional(seconds / static_cast<double>(done) * static_cast<double>(bytes) *
                       (verifies ? 1 + kVerifyShare : 1));
}

std::string AboutSeconds(double seconds) {
  constexpr double kMinute = 60, kHour = 3600;
  if (seconds < 1) return "about a second";
  if (seconds < 2 * kMinute) return fmt::format("about {:.0f} seconds", std::ceil(seconds));
  if (seconds < 2 * kHour) return fmt::format("about {:.0f} minutes", std::ceil(seconds / kMinute));
  return fmt::format("about {:.0f} hours", std::ceil(seconds / kHour));
}

}  // namespace cairn::postgres
