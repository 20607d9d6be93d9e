#include "frontends/files/folder_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>

#include "frontends/files/descriptor.h"

namespace cairn::files {
namespace {

constexpr std::string_view kCacheTagSignature = "Signature: 8a477f597d28d172789f06886806bc55";

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

std::optional<NodeType> TypeOf(unsigned char type) {
  switch (type) {
    case DT_REG:
      return NodeType::kFile;
    case DT_DIR:
      return NodeType::kFolder;
    case DT_LNK:
      return NodeType::kSymlink;
    case DT_CHR:
      return NodeType::kCharDevice;
    case DT_BLK:
      return NodeType::kBlockDevice;
    case DT_FIFO:
      return NodeType::kFifo;
    case DT_SOCK:
      return NodeType::kSocket;
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<std::vector<FolderName>> ReadFolderNames(int folder) {
  Descriptor opened = OpenQuietly(folder, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!opened.is_open()) return ErrnoError(errno, "listing the folder");
  const std::unique_ptr<DIR, CloseFolder> listing(::fdopendir(opened.get()));
  if (listing == nullptr) return ErrnoError(errno, "listing the folder");
  opened.Release();
  std::vector<FolderName> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(listing.get());
    if (entry == nullptr) break;
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") names.push_back({ToBytes(AsBytes(name)), entry->d_ino, TypeOf(entry->d_type)});
  }
  if (errno != 0) return ErrnoError(errno, "listing the folder");
  return names;
}

bool IsCacheTag(int folder) {
  const Descriptor tag =
      OpenQuietly(folder, std::string(kCacheTagName).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  struct stat status{};
  if (!tag.is_open() || ::fstat(tag.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  std::string head(kCacheTagSignature.size(), '\0');
  return ::pread(tag.get(), head.data(), head.size(), 0) == static_cast<ssize_t>(head.size()) &&
         head == kCacheTagSignature;
}

}  // namespace cairn::files
