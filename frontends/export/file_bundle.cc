#include "frontends/export/file_bundle.h"

#include <archive_entry.h>

#include <optional>

#include "frontends/export/archive_output.h"
#include "frontends/export/tar_writer.h"
#include "frontends/export/zstd_sink.h"
#include "repo-format/base/utf8.h"

namespace cairn::exports {
namespace {

class TarBundle : public FileBundle {
 public:
  // `compressed`: what stands before the sink; may be nothing.
  TarBundle(ByteSink& sink, std::unique_ptr<ByteSink> compressed)
      : zstd_(std::move(compressed)), tar_(zstd_ != nullptr ? *zstd_ : sink) {}
  bool HasName(const TreePath&) const override { return true; }
  bool TakesHoles() const override { return true; }
  Result<Taken> Begin(const TreePath& path, const Node& node, const AttributeValues& attributes,
                      const TreePath* link_to, const DataStretches* stretches) override {
    uint64_t bytes = 0;
    for (const auto& [name, value] : attributes) bytes += name.size() + value.size();
    if (bytes > kAttributesOfAllMax) ++large_;
    RETURN_IF_ERROR(tar_.Header(path, node, attributes, link_to, stretches));
    return node.type == NodeType::kFile && link_to == nullptr ? Taken::kBytes : Taken::kWhole;
  }
  Result<void> Data(ByteSpan bytes) override { return tar_.Data(bytes); }
  Result<void> EndFile() override { return tar_.EndFile(); }
  Result<void> Finish() override {
    RETURN_IF_ERROR(tar_.Finish());
    return zstd_ != nullptr ? zstd_->Finish() : Result<void>();
  }
  std::vector<std::string> Notes() const override {
    if (large_ == 0) return {};
    return {
        fmt::format("{} of its entries have extended attributes of more than a megabyte: GNU tar reads them, bsdtar "
                    "refuses the archive",
                    large_)};
  }

 private:
  static constexpr uint64_t kAttributesOfAllMax = 1'000'000;  // of one entry; libarchive takes a header of 1 MiB
  const std::unique_ptr<ByteSink> zstd_;
  TarWriter tar_;
  uint64_t large_ = 0;
};

class ZipBundle : public FileBundle {
 public:
  // A length has two bytes, and an entry's name and what stands beside it are to be no longer together; libarchive
  // writes beyond its buffers where they are.
  static constexpr size_t kNameBytesMax = 65'000;

  explicit ZipBundle(ByteSink& sink) : output_(sink) {}
  Result<void> Open(int level) {
    archive* const writer = output_.get();
    if (writer == nullptr) return Error(ErrorCode::kIo, "libarchive has no memory");
    RETURN_IF_ERROR(output_.Check(::archive_write_set_format_zip(writer)));
    RETURN_IF_ERROR(output_.Check(level == 0 ? ::archive_write_zip_set_compression_store(writer)
                                             : ::archive_write_zip_set_compression_deflate(writer)));
    if (level > 0) {
      const std::string text = std::to_string(level);
      RETURN_IF_ERROR(
          output_.Check(::archive_write_set_format_option(writer, "zip", "compression-level", text.c_str())));
    }
    return output_.Open();
  }

  bool HasName(const TreePath& path) const override { return IsUtf8(path); }
  Result<Taken> Begin(const TreePath& path, const Node& node, const AttributeValues& attributes,
                      const TreePath* link_to, const DataStretches*) override {
    unsigned type = AE_IFREG;
    if (node.type == NodeType::kFolder) type = AE_IFDIR;
    if (node.type == NodeType::kSymlink) type = AE_IFLNK;
    if (type == AE_IFREG && node.type != NodeType::kFile) return Taken::kCannot;
    if (path.size() > kNameBytesMax) return Taken::kTooLong;
    if (!attributes.empty()) ++with_attributes_;
    if (link_to != nullptr) ++linked_;
    const NameLocale names(HasName(path));
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(::archive_entry_new(), ::archive_entry_free);
    if (entry == nullptr) return Error(ErrorCode::kIo, "libarchive has no memory");
    const std::string name = ToString(path) + (type == AE_IFDIR ? "/" : "");
    ::archive_entry_copy_pathname(entry.get(), name.c_str());
    ::archive_entry_set_filetype(entry.get(), type);
    ::archive_entry_set_perm(entry.get(), node.mode);
    ::archive_entry_set_uid(entry.get(), static_cast<la_int64_t>(node.uid));
    ::archive_entry_set_gid(entry.get(), static_cast<la_int64_t>(node.gid));
    ::archive_entry_set_mtime(entry.get(), node.modified.seconds, static_cast<long>(node.modified.nanoseconds));
    if (type == AE_IFLNK) ::archive_entry_copy_symlink(entry.get(), ToString(node.target).c_str());
    ::archive_entry_set_size(entry.get(), type == AE_IFREG ? static_cast<la_int64_t>(node.size) : 0);
    const int code = ::archive_write_header(output_.get(), entry.get());
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return output_.Failure();
    return type == AE_IFREG ? Taken::kBytes : Taken::kWhole;
  }
  Result<void> Data(ByteSpan bytes) override { return output_.Data(bytes); }
  Result<void> EndFile() override { return output_.Check(::archive_write_finish_entry(output_.get())); }
  Result<void> Finish() override {
    const NameLocale names;
    return output_.Check(::archive_write_close(output_.get()));
  }
  std::vector<std::string> Notes() const override {
    std::vector<std::string> notes;
    if (with_attributes_ > 0) {
      notes.push_back(fmt::format("extended attributes and ACLs of {} entries are not in it: a zip has none; tar has",
                                  with_attributes_));
    }
    if (linked_ > 0) {
      notes.push_back(fmt::format("{} hard links are files of their own in it: a zip has none; tar has", linked_));
    }
    return notes;
  }

 private:
  ArchiveOutput output_;
  uint64_t with_attributes_ = 0, linked_ = 0;
};

}  // namespace

Result<std::unique_ptr<FileBundle>> FileBundle::MakeTar(ByteSink& sink, int level) {
  std::unique_ptr<ByteSink> zstd;
  if (level > 0) {
    ASSIGN_OR_RETURN(zstd, MakeZstdSink(sink, level));
  }
  return std::unique_ptr<FileBundle>(std::make_unique<TarBundle>(sink, std::move(zstd)));
}

Result<std::unique_ptr<FileBundle>> FileBundle::MakeZip(ByteSink& sink, int level) {
  auto bundle = std::make_unique<ZipBundle>(sink);
  RETURN_IF_ERROR(bundle->Open(level));
  return bundle;
}

}  // namespace cairn::exports
