// Definitions of a dump as SQL, for a session of ours: pg_restore knows how, and connects to nothing.
#pragma once

#include <optional>
#include <string>

#include "frontends/postgres/client_program.h"
#include "repo-format/base/bytes.h"

namespace cairn::postgres {

// A text for child processes to read: by its number where the options name it, and as often as they like. kIo.
Result<stream::OwnedFd> TextInMemory(ByteSpan bytes, const char* name);

struct DefinitionScriptOptions {
  ClientProgram pg_restore;
  std::string section;  // "pre-data", "post-data"
  bool with_owners = true;
  bool with_tablespaces = true;
  std::optional<std::string> entries;  // these, of Definitions::ListOf; nothing: all of the section
};
// Statements for one Query, also within a transaction: without what is meant for psql, what servers older than
// pg_restore do not know, and what would take the session's own limit of waiting for locks away. `archive` is
// create.pgdump. At most 256 MiB.
Result<std::string> DefinitionScript(const stream::OwnedFd& archive, const DefinitionScriptOptions& options,
                                     const stream::Waiter& waiter);

}  // namespace cairn::postgres
