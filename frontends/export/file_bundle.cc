#include "frontends/export/file_bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include <cerrno>
#include <optional>

#include "frontends/export/tar_writer.h"
#include "repo-format/base/units.h"
#include "repo-format/base/utf8.h"

namespace cairn::exports {
namespace {

// libarchive takes names as the bytes that they are, and says of a zip's that they are UTF-8 where the thread's locale
// is so. Readers refuse a whole zip for one that is said to be and is not.
class NameLocale {
 public:
  explicit NameLocale(bool is_utf8 = true) : locale_(::newlocale(LC_CTYPE_MASK, is_utf8 ? "C.UTF-8" : "C", nullptr)) {
    if (locale_ != nullptr) before_ = ::uselocale(locale_);
  }
  ~NameLocale() {
    if (locale_ == nullptr) return;
    ::uselocale(before_);
    ::freelocale(locale_);
  }
  NameLocale(const NameLocale&) = delete;
  NameLocale& operator=(const NameLocale&) = delete;

 private:
  const locale_t locale_;
  locale_t before_ = nullptr;
};

// A writer of libarchive's whose bytes go to a sink.
class ArchiveOutput {
 public:
  explicit ArchiveOutput(ByteSink& sink) : sink_(sink), archive_(::archive_write_new()) {}
  ~ArchiveOutput() {
    const NameLocale names;
    if (archive_ == nullptr) return;
    failed_ = true;  // what it would still write is nobody's
    ::archive_write_free(archive_);
  }
  ArchiveOutput(const ArchiveOutput&) = delete;
  ArchiveOutput& operator=(const ArchiveOutput&) = delete;

  archive* get() { return archive_; }
  Result<void> Open() {
    if (archive_ == nullptr) return Error(ErrorCode::kIo, "libarchive has no memory");
    ::archive_write_set_bytes_per_block(archive_, static_cast<int>(64 * kKiB));
    ::archive_write_set_bytes_in_last_block(archive_, 1);
    return Check(::archive_write_open(archive_, this, nullptr, &ArchiveOutput::Write, nullptr));
  }
  Result<void> Data(ByteSpan bytes) {
    while (!bytes.empty()) {
      const la_ssize_t put = ::archive_write_data(archive_, bytes.data(), bytes.size());
      if (put <= 0) return Failure();
      bytes = bytes.subspan(static_cast<size_t>(put));
    }
    return {};
  }
  Result<void> Check(int code) { return code == ARCHIVE_OK ? Result<void>() : Failure(); }
  Error Failure() const {
    if (error_) return *error_;
    const char* said = ::archive_error_string(archive_);
    return MakeError(ErrorCode::kIo, "libarchive: {}", said != nullptr ? said : "unknown");
  }

 private:
  static la_ssize_t Write(archive* writer, void* self, const void* bytes, size_t size) {
    auto& output = *static_cast<ArchiveOutput*>(self);
    if (output.failed_) return static_cast<la_ssize_t>(size);
    auto written = output.sink_.Write({static_cast<const uint8_t*>(bytes), size});
    if (written) return static_cast<la_ssize_t>(size);
    output.failed_ = true;
    output.error_ = written.error();
    ::archive_set_error(writer, EIO, "%s", written.error().message().c_str());
    return -1;
  }

  ByteSink& sink_;
  archive* const archive_;
  bool failed_ = false;
  std::optional<Error> error_;  // of sink_
};

class ZstdSink : public ByteSink {
 public:
  explicit ZstdSink(ByteSink& sink) : output_(sink) {}
  Result<void> Open(int level) {
    archive* const writer = output_.get();
    if (writer == nullptr) return Error(ErrorCode::kIo, "libarchive has no memory");
    RETURN_IF_ERROR(output_.Check(::archive_write_set_format_raw(writer)));
    RETURN_IF_ERROR(output_.Check(::archive_write_add_filter_zstd(writer)));
    const std::string text = std::to_string(level);
    RETURN_IF_ERROR(
        output_.Check(::archive_write_set_filter_option(writer, "zstd", "compression-level", text.c_str())));
    RETURN_IF_ERROR(output_.Open());
    archive_entry* const entry = ::archive_entry_new();
    ::archive_entry_set_filetype(entry, AE_IFREG);  // a stream
    const int code = ::archive_write_header(writer, entry);
    ::archive_entry_free(entry);
    return output_.Check(code);
  }
  Result<void> Write(ByteSpan bytes) override { return output_.Data(bytes); }
  Result<void> Finish() override { return output_.Check(::archive_write_close(output_.get())); }

 private:
  ArchiveOutput output_;
};

class TarBundle : public FileBundle {
 public:
  explicit TarBundle(ByteSink& sink) : zstd_(sink), tar_(zstd_) {}
  Result<void> Open(int level) { return zstd_.Open(level); }
  bool HasName(const TreePath&) const override { return true; }
  Result<Taken> Begin(const TreePath& path, const Node& node, const AttributeValues& attributes,
                      const TreePath* link_to) override {
    RETURN_IF_ERROR(tar_.Header(path, node, attributes, link_to));
    return node.type == NodeType::kFile && link_to == nullptr ? Taken::kBytes : Taken::kWhole;
  }
  Result<void> Data(ByteSpan bytes) override { return tar_.Data(bytes); }
  Result<void> EndFile() override { return tar_.EndFile(); }
  Result<void> Finish() override {
    RETURN_IF_ERROR(tar_.Finish());
    return zstd_.Finish();
  }

 private:
  ZstdSink zstd_;
  TarWriter tar_;
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
  Result<Taken> Begin(const TreePath& path, const Node& node, const AttributeValues&, const TreePath*) override {
    unsigned type = AE_IFREG;
    if (node.type == NodeType::kFolder) type = AE_IFDIR;
    if (node.type == NodeType::kSymlink) type = AE_IFLNK;
    if (type == AE_IFREG && node.type != NodeType::kFile) return Taken::kCannot;
    if (path.size() > kNameBytesMax) return Taken::kTooLong;
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

 private:
  ArchiveOutput output_;
};

}  // namespace

Result<std::unique_ptr<FileBundle>> FileBundle::MakeTar(ByteSink& sink, int level) {
  auto bundle = std::make_unique<TarBundle>(sink);
  RETURN_IF_ERROR(bundle->Open(level));
  return bundle;
}

Result<std::unique_ptr<FileBundle>> FileBundle::MakeZip(ByteSink& sink, int level) {
  auto bundle = std::make_unique<ZipBundle>(sink);
  RETURN_IF_ERROR(bundle->Open(level));
  return bundle;
}

}  // namespace cairn::exports
