#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "frontends/cli/exit_code.h"
#include "frontends/cli/opened_snapshot.h"
#include "frontends/cli/text.h"
#include "frontends/export/content_stream.h"
#include "frontends/export/output_file.h"
#include "frontends/export/snapshot_bundle.h"
#include "frontends/export/zstd_sink.h"

namespace cairn {
namespace {

enum class DumpForm { kRaw, kTar, kTarZstd, kZip, kZstd };
constexpr std::array<const char*, 5> kFormNames = {"raw", "tar", "tar.zst", "zip", "zst"};
constexpr int kLevelUnset = -1;
constexpr int kZstdLevel = 3, kZipLevel = 6;

class StdoutSink : public exports::ByteSink {
 public:
  Result<void> Write(ByteSpan bytes) override {
    if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size()) return {};
    return ErrnoError(errno, "writing the dump");
  }
  Result<void> Finish() override {
    if (std::fflush(stdout) != 0) return ErrnoError(errno, "writing the dump");
    return {};
  }
};

struct DumpCommand {
  FilterOptions filter;
  std::string name, target, format;
  int level = kLevelUnset;
  bool force = false;

  Result<int> Run(Cli& cli) {
    const SnapshotPath wanted = SnapshotPath::Parse(name);
    OpenedSnapshot opened;
    RETURN_IF_ERROR(opened.Open(cli, wanted.snapshot, filter.Filter()));
    RETURN_IF_ERROR(opened.repository->keyring().Need(Rights::kContentKey, "dumping"));
    ASSIGN_OR_RETURN(const SnapshotPlace place, opened.Find(wanted.path));
    ASSIGN_OR_RETURN(const DumpForm form, Form(place));
    ASSIGN_OR_RETURN(level, Level(form));
    if (target.empty() || target == "-") {
      if (form != DumpForm::kRaw && ::isatty(STDOUT_FILENO) != 0) {
        return Error(ErrorCode::kInvalidArgument, "it is not for a terminal: redirect it, or give --output FILE");
      }
      StdoutSink output;
      ASSIGN_OR_RETURN(const bool is_whole, Write(cli, opened, place, form, output));
      return is_whole ? kExitOk : kExitIncomplete;
    }
    return ToFile(cli, opened, place, form);
  }

  // It has its name when it is whole.
  Result<int> ToFile(Cli& cli, OpenedSnapshot& opened, const SnapshotPlace& place, DumpForm form) const {
    cli.SetAllOrNone();
    RETURN_IF_ERROR(RefuseInsideRepository(cli, target));
    if (!force) RETURN_IF_ERROR(exports::RefuseTaken(target));
    ASSIGN_OR_RETURN(const auto file, exports::OutputFile::Make(exports::TemporaryName(target), target));
    auto progress = cli.ShowProgress();
    ASSIGN_OR_RETURN(const bool is_whole, Write(cli, opened, place, form, *file));
    RETURN_IF_ERROR(file->Place(target, force));
    progress.reset();
    return is_whole ? kExitOk : kExitIncomplete;
  }

  // What was asked for; else a file as it is, and a folder as the name of the output says, or as a tar.
  Result<DumpForm> Form(const SnapshotPlace& place) const {
    const auto* const named = std::ranges::find(kFormNames, format);
    const bool is_named = named != kFormNames.end();
    if (!is_named && !place.is_folder()) return DumpForm::kRaw;
    if (!is_named && target.ends_with(".zip")) return DumpForm::kZip;
    if (!is_named) return target.ends_with(".tar.zst") ? DumpForm::kTarZstd : DumpForm::kTar;
    const auto form = static_cast<DumpForm>(named - kFormNames.begin());
    if (place.is_folder() && (form == DumpForm::kRaw || form == DumpForm::kZstd)) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "--format {} is for one file, and \"/{}\" is a folder: tar, tar.zst, zip", format,
                       PathForPeople(place.path));
    }
    return form;
  }

  Result<int> Level(DumpForm form) const {
    const bool is_zip = form == DumpForm::kZip;
    if (form == DumpForm::kRaw || form == DumpForm::kTar) {
      if (level == kLevelUnset) return 0;
      return Error(ErrorCode::kInvalidArgument, "--compress is for --format tar.zst, zst and zip");
    }
    if (level == kLevelUnset) return is_zip ? kZipLevel : kZstdLevel;
    const int least = is_zip ? 0 : 1, most = is_zip ? 9 : 19;
    if (level >= least && level <= most) return level;
    return MakeError(ErrorCode::kInvalidArgument, "--compress is {}, expected {} to {}", level, least, most);
  }

  // Whether all of it could be read.
  Result<bool> Write(Cli& cli, OpenedSnapshot& opened, const SnapshotPlace& place, DumpForm form,
                     exports::ByteSink& output) const {
    bool is_whole = true;
    if (form == DumpForm::kRaw || form == DumpForm::kZstd) {
      RETURN_IF_ERROR(WriteFile(cli, *opened.reader, place.node, form, output));
    } else {
      ASSIGN_OR_RETURN(is_whole, WriteArchive(cli, opened, place, form, output));
    }
    RETURN_IF_ERROR(output.Finish());
    return is_whole;
  }

  Result<void> WriteFile(Cli& cli, BlobReader& reader, const Node& node, DumpForm form,
                         exports::ByteSink& output) const {
    std::unique_ptr<exports::ByteSink> zstd;
    if (form == DumpForm::kZstd) {
      ASSIGN_OR_RETURN(zstd, exports::MakeZstdSink(output, level));
    }
    exports::ByteSink& first = zstd != nullptr ? *zstd : output;
    RETURN_IF_ERROR(
        exports::StreamContent(reader, node, cli.stop(), [&](ByteSpan bytes) { return first.Write(bytes); }));
    return zstd != nullptr ? zstd->Finish() : Result<void>();
  }

  Result<bool> WriteArchive(Cli& cli, OpenedSnapshot& opened, const SnapshotPlace& place, DumpForm form,
                            exports::ByteSink& output) const {
    using exports::FileBundle;
    ASSIGN_OR_RETURN(const auto bundle,
                     form == DumpForm::kZip ? FileBundle::MakeZip(output, level) : FileBundle::MakeTar(output, level));
    exports::SnapshotBundle writer(*opened.reader, *opened.snapshot, place, cli.stop(), cli.context().progress,
                                   cli.Findings());
    ASSIGN_OR_RETURN(const auto report, writer.Write(*bundle, exports::SnapshotBundle::Layout::kPlain));
    return report.left_out == 0;
  }
};

}  // namespace

void AddDump(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<DumpCommand>();
  CLI::App* command = app.add_subcommand("dump", "Write a file, or a folder as an archive, to standard output");
  command->add_option("SNAPSHOT[:PATH]", options->name, "What to write")->required();
  command
      ->add_option("--format", options->format,
                   "tar, tar.zst, zip; of one file also raw and zst; without it raw, and tar of a folder, or what the "
                   "name of the output ends with")
      ->type_name("FORM")
      ->check(CLI::IsMember(std::vector<std::string>(kFormNames.begin(), kFormNames.end())));
  command
      ->add_option("-o,--output,-t,--target", options->target,
                   "Write to this new file, which is whole or not there; - for standard output")
      ->type_name("FILE");
  command->add_option("--compress", options->level, "Level of compression: 1 to 19 (tar.zst, zst), 0 to 9 (zip)")
      ->type_name("LEVEL");
  command->add_flag("--force", options->force, "Replace what has this name, once the new one is whole");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
