// Real files in a folder of their own, what a source says of them, and their copy through a sink.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "frontends/files/file_sink.h"
#include "frontends/files/file_source.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_folder.h"

namespace cairn::files_test {

inline Bytes Text(std::string_view text) { return ToBytes(AsBytes(text)); }
inline bool IsRoot() { return ::geteuid() == 0; }

// Makes files by path. Each CHECKs that the system did it, but those that say `Try`.
void WriteFile(const std::string& path, std::string_view bytes, mode_t mode = 0644);
void MakeFolder(const std::string& path, mode_t mode = 0755);
void MakeLink(const std::string& target, const std::string& path);
std::string ReadFile(const std::string& path);
bool Exists(const std::string& path);
struct stat StatOf(const std::string& path);
void SetTime(const std::string& path, int64_t seconds, uint32_t nanoseconds);
bool TrySetAttribute(const std::string& path, const std::string& name, std::string_view value);
bool TrySetFlags(const std::string& path, int flags);
int FlagsOf(const std::string& path);
// Runs `body` in a process of its own as nobody; what it returns is the exit status. Give it nothing that needs a
// thread.
int AsNobody(const std::function<int()>& body);

// What a source says of an entry.
struct Seen {
  SourceEntry entry;
  SourceMetadata metadata;
  std::string bytes;
  std::vector<SourceFile::Extent> extents;
  std::string unread;  // why it could not be read
};
struct SeenTree {
  std::map<std::string, Seen> entries;  // by path below `base`
  std::vector<Finding> findings;

  std::vector<std::string> paths() const;
  const Seen& at(const std::string& path) const;
  bool has(const std::string& path) const { return entries.contains(path); }
  // "note path: detail" and so on, with paths below `base`.
  std::vector<std::string> FindingLines() const;
  std::string base;
};
// Reads all that is at or below `base` (an absolute path). `also_above`: and the folders above it, by their whole path.
SeenTree ReadSource(Source& source, const std::string& base, bool also_above = false);
SeenTree ReadTree(FileSourceOptions options, const std::string& base);
SeenTree ReadTree(const std::string& folder);  // this folder whole

// Writes all that is in `tree` to a sink, as a restore does: folders first, links by their group, metadata of folders
// last.
void CopyTo(const SeenTree& tree, Sink& sink);
Node NodeOf(const Seen& seen);

// What differs, a line each: content, holes, and all metadata but what cannot be set (change, birth, inode).
std::vector<std::string> Differences(const SeenTree& a, const SeenTree& b);

}  // namespace cairn::files_test
