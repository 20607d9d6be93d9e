// A stream as a Source: standard input, or what a command writes.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/env/clock.h"
#include "engine/source/source.h"

namespace cairn {

struct StreamSourceOptions {
  std::string item = "stream";       // its name in the snapshot
  std::string filename = "stdin";    // of the one file; may have folders: "db/dump.sql"
  std::vector<std::string> command;  // with its arguments, no shell; empty: `descriptor` is read
  int descriptor = 0;                // borrowed
};

// One item with one file, of mode 0600, that belongs to this user and was changed when the reading began. It is always
// read. A command's exit status decides: where it is not 0, or the stream was not read to its end, Finish is an Error,
// and there shall be no snapshot. A command is ended, with its process group, when the source or the wish to stop ends
// it. A stream of a descriptor can be read once; a command is started again each time when the root is opened.
class StreamSource : public Source {
 public:
  // kInvalidArgument where `filename` is no path that a snapshot can have. `clock` outlives the source.
  static Result<std::unique_ptr<StreamSource>> Make(StreamSourceOptions options, const Clock& clock,
                                                    std::stop_token stop);
  ~StreamSource() override;

  ItemKind kind() const override { return ItemKind::kStream; }
  SourceKind chunking() const override { return SourceKind::kStream; }
  std::string name() const override;
  std::vector<Bytes> paths() const override;
  // Starts the command.
  Result<std::shared_ptr<SourceFolder>> OpenRoot(FindingSink findings) override;
  Result<SourceEntry> RootEntry() override;
  Result<void> Finish() override;
  // Each argument with a zero byte behind it.
  std::optional<Bytes> command_line() const override;

 private:
  struct Shared;
  class Folder;
  class File;
  explicit StreamSource(std::shared_ptr<Shared> shared);

  std::shared_ptr<Shared> shared_;  // with folders and file
};

}  // namespace cairn
