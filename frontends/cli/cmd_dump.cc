#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "engine/jobs/file_restorer.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/opened_snapshot.h"
#include "frontends/export/content_stream.h"
#include "frontends/export/tar_writer.h"

namespace cairn {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != nullptr && file != stdout) std::fclose(file);
  }
};

class FileSink : public exports::ByteSink {
 public:
  explicit FileSink(std::FILE* file) : file_(file) {}
  Result<void> Write(ByteSpan bytes) override {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size()) return {};
    return ErrnoError(errno, "writing the dump");
  }
  Result<void> Finish() override {
    if (std::fflush(file_) != 0) return ErrnoError(errno, "writing the dump");
    return {};
  }

 private:
  std::FILE* const file_;
};

struct DumpCommand {
  FilterOptions filter;
  std::string name, target;

  Result<int> Run(Cli& cli) {
    const SnapshotPath wanted = SnapshotPath::Parse(name);
    OpenedSnapshot opened;
    RETURN_IF_ERROR(opened.Open(cli, wanted.snapshot, filter.Filter()));
    RETURN_IF_ERROR(opened.repository->keyring().Need(Rights::kContentKey, "dumping"));
    ASSIGN_OR_RETURN(const SnapshotPlace place, opened.Find(wanted.path));
    if (target.empty() && isatty(STDOUT_FILENO) != 0 && place.is_folder()) {
      return Error(ErrorCode::kInvalidArgument, "an archive is not for a terminal: redirect it, or give --target FILE");
    }
    if (target.empty()) return Write(cli, opened, place, stdout);
    RETURN_IF_ERROR(RefuseInsideRepository(cli, target));
    const int descriptor = open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) return ErrnoError(errno, "creating " + target);
    const std::unique_ptr<std::FILE, CloseFile> output(fdopen(descriptor, "wb"));
    auto written = Write(cli, opened, place, output.get());
    if (!written) unlink(target.c_str());  // a part of a file looks like a file
    return written;
  }

  static Result<int> Write(Cli& cli, OpenedSnapshot& opened, const SnapshotPlace& place, std::FILE* file) {
    bool is_whole = true;
    FileSink output(file);
    if (place.is_folder()) {
      ASSIGN_OR_RETURN(is_whole, Archive(cli, opened, place, output));
    } else {
      RETURN_IF_ERROR(WriteFile(cli, *opened.reader, place.node, output));
    }
    RETURN_IF_ERROR(output.Finish());
    return is_whole ? kExitOk : kExitIncomplete;
  }

  static Result<void> WriteFile(Cli& cli, BlobReader& reader, const Node& node, exports::ByteSink& output) {
    if (!node.content) return MakeError(ErrorCode::kInvalidArgument, "it is a {}, and has no bytes", Name(node.type));
    exports::TarWriter bytes(output);  // for its plain writing
    return WriteContent(cli, reader, node, bytes);
  }

  static Result<void> WriteContent(Cli& cli, BlobReader& reader, const Node& node, exports::TarWriter& output) {
    return exports::StreamContent(reader, node, cli.stop(), [&](ByteSpan bytes) { return output.Data(bytes); });
  }

  static Bytes ItemOf(const SnapshotPlace& folder, const TreePath& path) {
    return folder.item != nullptr ? Bytes() : Bytes(path.begin(), std::ranges::find(path, '/'));
  }

  // Whether all of it could be read.
  static Result<bool> Archive(Cli& cli, OpenedSnapshot& opened, const SnapshotPlace& folder,
                              exports::ByteSink& output) {
    exports::TarWriter tar(output);
    // By their groups, which are an item's own: where several are, beside its name.
    std::map<std::pair<Bytes, std::array<uint8_t, 8>>, TreePath> first_names;
    TreeVisitor visitor;
    visitor.each = [&](const TreePath& path, const Node& node) -> Result<bool> {
      ASSIGN_OR_RETURN(const auto attributes, ReadAttributes(*opened.reader, node));
      const TreePath* link_to = nullptr;
      if (node.link_group) {
        const auto [place, is_new] = first_names.emplace(std::pair(ItemOf(folder, path), *node.link_group), path);
        if (!is_new) link_to = &place->second;
      }
      RETURN_IF_ERROR(tar.Header(path, node, attributes, link_to));
      if (node.type == NodeType::kFile && link_to == nullptr) {
        RETURN_IF_ERROR(WriteContent(cli, *opened.reader, node, tar).While("/" + PathForPeople(path)));
        RETURN_IF_ERROR(tar.EndFile());
      }
      return true;
    };
    bool is_whole = true;
    visitor.failed = [&](const TreePath& path, const Error& error) -> Result<void> {
      if (error.code() != ErrorCode::kUnsupported) return Error(error).While("/" + PathForPeople(path));
      is_whole = false;
      cli.Findings()({SeverityOf(error), error.code(), "/" + PathForPeople(path), error.message()});
      return {};
    };
    RETURN_IF_ERROR(opened.Walk(folder, visitor));
    RETURN_IF_ERROR(tar.Finish());
    return is_whole;
  }
};

}  // namespace

void AddDump(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<DumpCommand>();
  CLI::App* command = app.add_subcommand("dump", "Write a file, or a folder as a tar archive, to standard output");
  command->add_option("SNAPSHOT[:PATH]", options->name, "What to write")->required();
  command->add_option("-t,--target", options->target, "Write to this new file")->type_name("FILE");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
