#include "frontends/postgres/definition_script.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "repo-format/base/units.h"

namespace cairn::postgres {
namespace {

constexpr size_t kScriptBytesMax = 256 * kMiB;

bool IsLeftOut(std::string_view line) {
  return line == "SET transaction_timeout = 0;\n" || line == "SET lock_timeout = 0;\n" ||
         line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ");
}

// Only before the first definition and after the last: a function may have such lines of its own.
std::string ForOurSession(const std::string& script) {
  const size_t first = std::min(script.find("\n-- Name: "), script.size());
  std::string text;
  size_t begin = 0;
  while (begin < first) {
    const size_t end = std::min(script.find('\n', begin), script.size() - 1) + 1;
    const std::string_view line = std::string_view(script).substr(begin, end - begin);
    if (!IsLeftOut(line)) text += line;
    begin = end;
  }
  std::string_view rest = std::string_view(script).substr(begin);
  constexpr std::string_view kEnd = "\n\\unrestrict ";
  const size_t last = rest.rfind(kEnd);
  const bool is_last = last != std::string_view::npos &&
                       rest.find_first_not_of('\n', rest.find('\n', last + 1)) == std::string_view::npos;
  if (is_last) rest = rest.substr(0, last + 1);
  return text + std::string(rest);
}

}  // namespace

Result<stream::OwnedFd> TextInMemory(ByteSpan bytes, const char* name) {
  stream::OwnedFd file(::memfd_create(name, MFD_CLOEXEC));
  if (!file.is_open()) return ErrnoError(errno, "making room for the definitions");
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t written = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return ErrnoError(errno, "keeping the definitions in memory");
    done += static_cast<size_t>(written);
  }
  return file;
}

Result<std::string> DefinitionScript(const stream::OwnedFd& archive, const DefinitionScriptOptions& options,
                                     const stream::Waiter& waiter) {
  std::vector<std::string> command = {options.pg_restore.path, "--exit-on-error", "--section=" + options.section};
  if (!options.with_owners) command.insert(command.end(), {"--no-owner", "--no-acl"});
  if (!options.with_tablespaces) command.emplace_back("--no-tablespaces");
  stream::ChildOptions child_options{
      .environment = {{"LC_ALL", "C"}}, .input = archive.get(), .keeps_errors = true, .ends_with_thread = true};
  stream::OwnedFd list;
  if (options.entries) {
    ASSIGN_OR_RETURN(list, TextInMemory(AsBytes(*options.entries), "entries"));
    child_options.kept = {list.get()};
    command.push_back(fmt::format("--use-list=/proc/self/fd/{}", list.get()));
  }
  command.insert(command.end(), {"--file=-", "/proc/self/fd/0"});
  ASSIGN_OR_RETURN(const auto child, stream::ChildProcess::Start(command, waiter, child_options));
  std::string script;
  Bytes buffer(64 * kKiB);
  for (;;) {
    ASSIGN_OR_RETURN(const size_t got, child->Read(buffer));
    if (got == 0) break;
    script += AsText(ByteSpan(buffer).first(got));
    if (script.size() > kScriptBytesMax) return Corrupt("the definitions are longer than {} bytes", kScriptBytesMax);
  }
  RETURN_IF_ERROR(child->Wait());
  return ForOurSession(script);
}

}  // namespace cairn::postgres
