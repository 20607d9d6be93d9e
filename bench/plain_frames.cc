#include "bench/plain_frames.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "bench/cuts.h"
#include "bench/sample.h"
#include "repo-format/base/units.h"

namespace cairn::bench {
namespace {

constexpr size_t kFilesChosen = 500;  // of each root: every nth by name
constexpr size_t kFileBytesMax = 4 * kMiB, kRootBytesMax = 8 * kMiB, kDumpBytes = 8 * kMiB;

// Gathers chunks, in order: a chunk that would make a frame too large begins the next.
class Gatherer {
 public:
  explicit Gatherer(size_t frame_bytes) : frame_bytes_(frame_bytes) {}
  void AddStream(const chunker::ChunkerParams& params, ByteSpan stream) {
    size_t at = 0;
    for (const uint32_t length : Cut(params, stream)) {
      const ByteSpan chunk = stream.subspan(at, length);
      if (frames_.empty() || frames_.back().size() + chunk.size() > frame_bytes_) frames_.emplace_back();
      Append(frames_.back(), chunk);
      at += length;
    }
  }
  std::vector<Bytes> Take() { return std::move(frames_); }

 private:
  const size_t frame_bytes_;
  std::vector<Bytes> frames_;
};

std::vector<std::string> FilesBelow(const char* root) {
  std::vector<std::string> paths;
  std::error_code error;
  std::filesystem::recursive_directory_iterator entry(root, std::filesystem::directory_options::skip_permission_denied,
                                                      error);
  for (; !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code unknown;
    if (!entry->is_symlink(unknown) && entry->is_regular_file(unknown)) paths.push_back(entry->path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

Bytes ReadFile(const std::string& path) {
  std::error_code unknown;
  const uint64_t size = std::filesystem::file_size(path, unknown);
  if (unknown || size > kFileBytesMax) return {};
  Bytes bytes(size);
  std::ifstream in(path, std::ios::binary);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  bytes.resize(static_cast<size_t>(in.gcount()));
  return bytes;
}

void AddFilesBelow(const char* root, Gatherer& gatherer) {
  const std::vector<std::string> paths = FilesBelow(root);
  const size_t step = std::max<size_t>(1, paths.size() / kFilesChosen);
  size_t bytes = 0;
  for (size_t i = 0; i < paths.size() && bytes < kRootBytesMax; i += step) {
    const Bytes file = ReadFile(paths[i]);
    gatherer.AddStream(kFileParams, ByteSpan(file).first(std::min(file.size(), kRootBytesMax - bytes)));
    bytes += file.size();
  }
}

}  // namespace

std::string Name(Corpus corpus) { return corpus == Corpus::kFiles ? "files" : "dump"; }

std::vector<Bytes> MakePlainFrames(Corpus corpus, size_t frame_bytes) {
  Gatherer gatherer(frame_bytes);
  if (corpus == Corpus::kDump) {
    gatherer.AddStream(kRowParams, MakeSample(Sample::kText, kDumpBytes));
  } else {
    for (const char* root : {"/usr/lib", "/usr/share/doc"}) AddFilesBelow(root, gatherer);
  }
  return gatherer.Take();
}

size_t TotalBytes(const std::vector<Bytes>& frames) {
  size_t bytes = 0;
  for (const Bytes& frame : frames) bytes += frame.size();
  return bytes;
}

}  // namespace cairn::bench
