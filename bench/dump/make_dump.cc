// Writes the SQL dump of bench/dump/sql_dump.h to standard output.
// make_dump BYTES GENERATION [SEED]: BYTES is about the size of generation 1.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "bench/dump/sql_dump.h"

namespace {

void WriteOut(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      perror("make_dump: standard output");
      _exit(1);
    }
    bytes.remove_prefix(static_cast<size_t>(done));
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace cairn::bench;
  SqlDumpOptions options;
  options.bytes = argc > 1 ? strtoull(argv[1], nullptr, 10) : 0;
  options.generation = static_cast<unsigned>(argc > 2 ? strtoul(argv[2], nullptr, 10) : 0);
  if (argc > 3) options.seed = strtoull(argv[3], nullptr, 10);
  if (argc < 3 || argc > 4 || options.bytes < kSqlDumpBytesMin || options.generation < 1 ||
      options.generation > kSqlDumpGenerations) {
    fputs("make_dump BYTES GENERATION(1..5) [SEED]: writes an SQL dump of about so many bytes\n", stderr);
    return 2;
  }
  WriteSqlDump(options, WriteOut);
  return 0;
}
