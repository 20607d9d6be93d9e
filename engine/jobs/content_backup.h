// Stores the content of files: reads, cuts, and lists the chunks.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "chunker/gear_table.h"
#include "chunker/params.h"
#include "engine/jobs/sink_pool.h"
#include "engine/source/source.h"
#include "repo-format/config_object.h"

namespace cairn {

// How the files of an item are cut.
struct ContentCuts {
  ChunkerSettings of_item;
  std::optional<ChunkerSettings> of_text;  // nothing: as all else
};

// What was read of a file, and stored.
struct StoredContent {
  Content content;
  uint64_t bytes = 0;
  std::optional<ChunkerSettings> chunker;  // where it is not the item's
};

// Safe for concurrent use: one file's content is read by the thread that asks, and where it is long, other threads of
// the executor take stretches of it to be hashed, compressed and sealed. Memory: about 4 MiB a thread, more where
// chunks are larger, and 1/16 of limits.memory_bytes for stretches that wait.
class ContentBackup {
 public:
  // The config may be of a program that cuts otherwise: kUnsupported, kCorrupt. Borrows all but the cuts and the key.
  static Result<std::unique_ptr<ContentBackup>> New(const JobContext& context, BlobTarget& target,
                                                    AddingSink& metadata_sink, const ContentCuts& cuts,
                                                    ByteSpan chunking_key);

  // An Error is the repository's; the source's own trouble is `unreadable`.
  Result<StoredContent> Store(SourceFile& file, std::optional<Error>& unreadable);
  // For data blobs that are no content: attributes.
  SinkPool& sinks() { return sinks_; }
  // Closes all frames; no Store is under way.
  Result<void> Finish();
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  class File;
  ContentBackup(const JobContext& context, BlobTarget& target, AddingSink& metadata_sink, const ContentCuts& cuts,
                ByteSpan chunking_key);
  Bytes TakeBuffer();
  void ReturnBuffer(Bytes buffer);

  const JobContext& context_;
  AddingSink& metadata_sink_;
  const ContentCuts cuts_;
  const chunker::GearTable table_;
  SinkPool sinks_, text_sinks_;
  std::atomic<uint64_t> waiting_bytes_{0};  // of stretches of all files that no thread has taken
  std::mutex mutex_;
  std::vector<Bytes> buffers_;  // guarded by mutex_: to be used again
  std::atomic<uint64_t> bytes_read_{0};
};

// The material of the gear table: SPEC section 12.1.
Bytes GearMaterial(ByteSpan chunking_key);

}  // namespace cairn
