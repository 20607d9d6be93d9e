#include <nlohmann/json.hpp>

#include "engine/pack/pack_reader.h"
#include "frontends/cli/opened_snapshot.h"
#include "frontends/cli/snapshot_json.h"

namespace cairn {
namespace {

nlohmann::json FrameJson(const FrameEntry& frame) {
  nlohmann::json blobs = nlohmann::json::array();
  for (const BlobEntry& blob : frame.blobs) blobs.push_back({{"id", blob.id.ToHex()}, {"length", blob.length}});
  return {{"sealed", frame.sealed_length},
          {"plain", frame.plain_length},
          {"codec", static_cast<int>(frame.codec)},
          {"blobs", blobs}};
}

struct CatCommand {
  std::string what, name;

  Result<int> Run(Cli& cli) {
    nlohmann::json json;
    if (what == "snapshot") {
      ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
      ASSIGN_OR_RETURN(const LoadedSnapshot* one, cli.Resolve(set, name, {}));
      json = SnapshotJson(*one);
    } else if (what == "tree") {
      ASSIGN_OR_RETURN(json, Tree(cli));
    } else if (what == "segment") {
      ASSIGN_OR_RETURN(json, Segment(cli));
    } else if (what == "pack") {
      ASSIGN_OR_RETURN(json, Pack(cli));
    } else {
      ASSIGN_OR_RETURN(json, Blob(cli));
      if (json.is_null()) return 0;
    }
    cli.Print(json.dump(cli.json() ? -1 : 2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return 0;
  }

  Result<nlohmann::json> Tree(Cli& cli) const {
    const SnapshotPath wanted = SnapshotPath::Parse(name);
    OpenedSnapshot opened;
    RETURN_IF_ERROR(opened.Open(cli, wanted.snapshot, {}));
    ASSIGN_OR_RETURN(const SnapshotPlace place, opened.Find(wanted.path));
    nlohmann::json json = NodeJson(place.node);
    if (!place.is_folder()) return json;
    json["nodes"] = nlohmann::json::array();
    TreeVisitor visitor;
    visitor.each = [&](const TreePath&, const Node& one) -> Result<bool> {
      json["nodes"].push_back(NodeJson(one));
      return false;
    };
    RETURN_IF_ERROR(opened.Walk(place, visitor));
    return json;
  }

  Result<nlohmann::json> Segment(Cli& cli) const {
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    ASSIGN_OR_RETURN(const SegmentId id, SegmentId::Parse(name));
    ASSIGN_OR_RETURN(const IndexSegment segment, repository->LoadSegment(id));
    nlohmann::json packs = nlohmann::json::array();
    for (const SegmentPack& pack : segment.packs) {
      nlohmann::json frames = nlohmann::json::array();
      for (const FrameEntry& frame : pack.frames) frames.push_back(FrameJson(frame));
      packs.push_back(
          {{"name", pack.name.ToString()}, {"kind", Name(pack.kind)}, {"size", pack.size}, {"frames", frames}});
    }
    nlohmann::json removed = nlohmann::json::array();
    for (const PackName& pack : segment.removed) removed.push_back(pack.ToString());
    return nlohmann::json{{"level", segment.level}, {"packs", packs}, {"removed", removed}};
  }

  Result<nlohmann::json> Pack(Cli& cli) const {
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    ASSIGN_OR_RETURN(const PackName pack, PackName::Parse(name));
    for (const BlobKind kind : {BlobKind::kData, BlobKind::kMetadata}) {
      auto info = repository->store().Stat(PackObjectName(kind, pack));
      if (!info && info.error().code() == ErrorCode::kNotFound) continue;
      RETURN_IF_ERROR(info);
      ASSIGN_OR_RETURN(const OpenedDirectory opened,
                       ReadDirectory(repository->store(), repository->sealer(), kind, pack, info->size));
      nlohmann::json frames = nlohmann::json::array();
      for (const FrameEntry& frame : opened.directory.frames) frames.push_back(FrameJson(frame));
      return nlohmann::json{
          {"kind", Name(kind)}, {"size", info->size}, {"slot", opened.slot.ToHex()}, {"frames", frames}};
    }
    return MakeError(ErrorCode::kNotFound, "there is no pack {}", name);
  }

  // Its bytes, as they are.
  Result<nlohmann::json> Blob(Cli& cli) const {
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    ASSIGN_OR_RETURN(const BlobId id, BlobId::Parse(name));
    ASSIGN_OR_RETURN(const auto index, repository->LoadIndex(cli.context(), [](const SegmentId&, const Error&) {}));
    ASSIGN_OR_RETURN(const auto locations, index->Find(id));
    if (locations.empty()) return MakeError(ErrorCode::kNotFound, "there is no blob {}", name);
    BlobReader reader(*repository, *index, cli.context(), 0, cli.Findings());
    ASSIGN_OR_RETURN(const auto blob, reader.ReadBlob(locations.front().pack.kind, id));
    cli.Print(ToString(*blob));
    return nlohmann::json();
  }
};

}  // namespace

void AddCat(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<CatCommand>();
  CLI::App* command = app.add_subcommand("cat", "Show an object as JSON, or a blob's bytes; never a secret");
  command->add_option("KIND", options->what, "snapshot, tree, segment, pack, blob")
      ->required()
      ->check(CLI::IsMember({"snapshot", "tree", "segment", "pack", "blob"}));
  command->add_option("NAME", options->name, "Its id, or SNAPSHOT[:PATH] of a tree")->required();
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
