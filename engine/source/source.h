// The end of a dump where it comes from: folders, a stream, a database.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/env/finding.h"
#include "repo-format/node.h"

namespace cairn {

// A file's identity for "has it changed?": kept in this machine's file cache, not in the repository.
struct ChangeMark {
  uint64_t size = 0;
  WireTime modified, changed;
  uint64_t inode = 0;
  friend bool operator==(const ChangeMark&, const ChangeMark&) = default;

  // Whether a write after `read`, when the reading began, might leave the mark as it is: the status change that it
  // brings would have the same time. File systems stamp with a clock that ticks, every 10 ms at most, and those
  // without fractions every 2 s.
  bool MayMissChange(const WireTime& read) const {
    const double window = changed.nanoseconds == 0 ? 2.0 : 0.05;
    const double passed = static_cast<double>(read.seconds) - static_cast<double>(changed.seconds) +
                          (static_cast<double>(read.nanoseconds) - changed.nanoseconds) / 1e9;
    return passed > -window && passed < window;
  }
  // One that equals no mark of an entry.
  static ChangeMark Never() { return {UINT64_MAX, {}, {}, 0}; }
};

// An entry of a folder, by one stat: what is cheap.
struct SourceEntry {
  Bytes name;
  NodeType type = NodeType::kFile;
  uint32_t mode = 0;  // 07777
  uint64_t uid = 0, gid = 0;
  WireTime modified;
  uint64_t size = 0;  // files
  Device device;      // devices
  ChangeMark mark;
  bool stable_mark = true;  // false: the mark says nothing (a stream): always read
  // Where more than one name leads to it: what makes equal link groups (SPEC 10.3).
  bool linked = false;
  uint64_t inode = 0;
  Bytes mount_path;  // of the mount point within the item
  // It is opened when all that the walk came to before it has been read: it tells of that.
  bool waits_for_rest = false;
};

// The rest of an entry: what costs further system calls, and is not asked for when the mark is unchanged.
struct SourceMetadata {
  Bytes user, group;  // empty: unknown
  std::optional<WireTime> changed, born;
  uint64_t flags = 0;                               // SPEC 10.3, tag 12
  Bytes target;                                     // symbolic links
  std::vector<std::pair<Bytes, Bytes>> attributes;  // name, value; ascending by name
  bool complete = true;                             // else some of it could not be read, which was told
};

// An open file. One thread at a time.
class SourceFile {
 public:
  virtual ~SourceFile() = default;
  // Data or a hole from here on. Length 0: the end.
  struct Extent {
    bool hole = false;
    uint64_t length = 0;  // of a hole; for data: at least this many bytes can be read before the next question
  };
  virtual Result<Extent> NextExtent() = 0;
  // Reads on within a data extent; 0 bytes: its end (the file may have shrunk).
  virtual Result<size_t> Read(MutableByteSpan target) = 0;
  // So many bytes at the beginning, no more than a chunk, come behind the end of the last extent: what some writers put
  // down when all else is there. The extents begin behind them. 0: none. Asked before anything is read.
  virtual Result<uint64_t> LateBytes() { return uint64_t{0}; }
  virtual Result<Bytes> ReadLate() { return Bytes(); }
  // It is read soon: a hint that does not wait.
  virtual void ReadSoon() {}
  // Of what is a table's rows, behind its end: how many they were.
  virtual std::optional<uint64_t> Rows() const { return std::nullopt; }
  // The mark now: another than before the reading means that the file changed meanwhile.
  virtual Result<ChangeMark> Mark() = 0;
};

// An open folder, shared by the walk and the workers that read its files and list its folders ahead. List is called
// once, and before the rest; OpenFolder, OpenFile and ReadMetadata from any thread, at the same time.
class SourceFolder {
 public:
  virtual ~SourceFolder() = default;
  // What is in it, ascending by name, without what is excluded. An entry that cannot be looked at is told to the
  // source's FindingSink, counted, and left out.
  virtual Result<std::vector<SourceEntry>> List() = 0;
  virtual Result<std::shared_ptr<SourceFolder>> OpenFolder(const SourceEntry& entry) = 0;
  virtual Result<std::unique_ptr<SourceFile>> OpenFile(const SourceEntry& entry) = 0;
  virtual Result<SourceMetadata> ReadMetadata(const SourceEntry& entry) = 0;
};

// One item of a snapshot.
class Source {
 public:
  virtual ~Source() = default;
  virtual ItemKind kind() const = 0;
  virtual SourceKind chunking() const = 0;
  // What cannot be read ends the backup: a part of it is worth nothing.
  virtual bool is_all_or_nothing() const { return false; }
  virtual uint32_t page_bytes() const { return 0; }  // of kPages: SPEC section 12.3
  virtual std::string name() const = 0;              // of the item: "files", "stream"; SPEC 11.1 says which can be
  virtual std::vector<Bytes> paths() const = 0;      // as given by the user; identify the item for finding its parent
  // OpenRoot comes soon: what takes long in it may begin, in a thread of its own. A hint that does not wait; the state
  // that is read may be that of this moment. Who does not call OpenRoot then drops the source, which ends what began.
  virtual void OpenSoon() {}
  virtual Result<std::shared_ptr<SourceFolder>> OpenRoot(FindingSink findings) = 0;
  // The entry and metadata of the root folder itself ("/" of the item); only its metadata is used.
  virtual Result<SourceEntry> RootEntry() = 0;
  // After all of it was read, before the commit: an Error means that there shall be no snapshot (a command failed).
  virtual Result<void> Finish() { return {}; }
  // What is kept as a data blob beside the item: the command line of a stream.
  virtual std::optional<Bytes> command_line() const { return std::nullopt; }
  // What the item keeps of how it was read: records by its kind (SPEC 11.1).
  virtual std::optional<Bytes> parameters() const { return std::nullopt; }
};

}  // namespace cairn
