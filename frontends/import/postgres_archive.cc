#include "frontends/import/postgres_archive.h"

#include <fcntl.h>
#include <stdlib.h>

#include <cerrno>

#include "frontends/stream/child_process.h"
#include "repo-format/base/units.h"

namespace cairn::import {

Result<std::string> CheckPostgresArchive(const SharedFd& file, const std::stop_token& stop) {
  // With a place to read at of its own.
  const stream::OwnedFd input(::open(fmt::format("/proc/self/fd/{}", file->get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!input.is_open()) return ErrnoError(errno, "opening it again");
  const char* folder = ::getenv("CAIRN_PG_BIN");
  const std::string program = folder != nullptr && *folder != 0 ? std::string(folder) + "/pg_restore" : "pg_restore";
  const stream::Waiter waiter(stop);
  stream::ChildOptions options;
  options.environment = {{"LC_ALL", "C"}};
  options.input = input.get();
  options.keeps_errors = true;
  auto child = stream::ChildProcess::Start({program, "-f", "/dev/null"}, waiter, options);
  if (!child && child.error().code() == ErrorCode::kNotFound) {
    return std::string("there is no pg_restore here that could read it to its end: only its head was looked at");
  }
  RETURN_IF_ERROR(child);
  Bytes buffer(64 * kKiB);
  for (size_t got = 1; got > 0;) {
    ASSIGN_OR_RETURN(got, (*child)->Read(buffer));
  }
  const auto ended = (*child)->Wait();
  if (ended) return std::string();
  if (ended.error().code() == ErrorCode::kInterrupted) return ended.error();
  const std::string& said = ended.error().message();
  if (said.find("unsupported version") != std::string::npos) {
    return "it is of a newer version than the pg_restore here, which could not read it: only its head was looked at";
  }
  return Corrupt("{}", said);
}

}  // namespace cairn::import
