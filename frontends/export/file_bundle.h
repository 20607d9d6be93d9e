// An archive of files: a tar, or a zip.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "frontends/export/byte_sink.h"
#include "frontends/export/data_stretches.h"
#include "repo-format/node.h"
#include "repo-format/tree_path.h"

namespace cairn::exports {

using AttributeValues = std::vector<std::pair<Bytes, Bytes>>;

// Entries one after another. One thread.
class FileBundle {
 public:
  // What becomes of an entry.
  enum class Taken {
    kWhole,    // nothing is to follow
    kBytes,    // node.size bytes are to follow, or those of its stretches, by Data, and then EndFile
    kCannot,   // this form has no such thing: it was left out
    kTooLong,  // this form has no names so long: it was left out
  };
  virtual ~FileBundle() = default;
  // Whether the form has names like this one; others are written all the same, as they are.
  virtual bool HasName(const TreePath& path) const = 0;
  // Whether it can be told where a file has no holes, so that zeros are not written.
  virtual bool TakesHoles() const { return false; }
  // `link_to`: another name of this file that is in it already; a form without hard links takes the bytes again.
  // `stretches`: what is outside its holes, where the form takes that; nothing: all of it.
  virtual Result<Taken> Begin(const TreePath& path, const Node& node, const AttributeValues& attributes,
                              const TreePath* link_to, const DataStretches* stretches = nullptr) = 0;
  virtual Result<void> Data(ByteSpan bytes) = 0;
  virtual Result<void> EndFile() = 0;
  // Its end; the sink is not finished.
  virtual Result<void> Finish() = 0;
  // What of all that was put into it the form does not hold, a sentence a kind.
  virtual std::vector<std::string> Notes() const { return {}; }

  // Into a sink, which outlives it. pax with extended attributes and ACLs, compressed by zstd (level 1 to 19) or not
  // (0).
  static Result<std::unique_ptr<FileBundle>> MakeTar(ByteSink& sink, int level);
  // Deflated (level 1 to 9) or stored (0), with zip64 where it is needed, names in UTF-8, modes and symbolic links.
  static Result<std::unique_ptr<FileBundle>> MakeZip(ByteSink& sink, int level);
};

}  // namespace cairn::exports
