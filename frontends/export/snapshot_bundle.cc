#include "frontends/export/snapshot_bundle.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/env/version.h"
#include "engine/jobs/file_restorer.h"
#include "engine/tree/directory_reader.h"
#include "frontends/export/content_stream.h"
#include "frontends/export/pgdump_plan.h"
#include "frontends/export/pgdump_writer.h"

namespace cairn::exports {
namespace {

constexpr const char* kDatabaseFolder = "database";
constexpr const char* kMetadataName = "metadata.json";
constexpr uint32_t kFileMode = 0600, kFolderMode = 0700;

// A file of ours among those of the snapshot.
Node MadeNode(const WireTime& time, NodeType type, uint64_t size) {
  Node node;
  node.type = type;
  node.mode = type == NodeType::kFolder ? kFolderMode : kFileMode;
  node.modified = time;
  node.size = size;
  return node;
}

// The rows of a dump as the file that is open in a bundle.
class EntrySink : public ByteSink {
 public:
  using Each = std::function<Result<void>(ByteSpan)>;
  explicit EntrySink(Each each) : each_(std::move(each)) {}
  Result<void> Write(ByteSpan bytes) override {
    bytes_ += bytes.size();
    return each_(bytes);
  }
  Result<void> Finish() override { return {}; }
  uint64_t bytes() const { return bytes_; }

 private:
  const Each each_;
  uint64_t bytes_ = 0;
};

}  // namespace

// That of others' metadata: it finds what a disk did, and nobody's forgery.
class SnapshotBundle::Md5 {
 public:
  Md5() : context_(::EVP_MD_CTX_new()) { ::EVP_DigestInit_ex(context_, ::EVP_md5(), nullptr); }
  ~Md5() { ::EVP_MD_CTX_free(context_); }
  Md5(const Md5&) = delete;
  Md5& operator=(const Md5&) = delete;
  void Update(ByteSpan bytes) { ::EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }
  std::string Hex() {  // once; empty where this libcrypto is not to know it
    std::array<uint8_t, 16> digest{};
    unsigned size = 0;
    return ::EVP_DigestFinal_ex(context_, digest.data(), &size) == 1 ? ToHex(digest) : "";
  }

 private:
  EVP_MD_CTX* const context_;
};

struct SnapshotBundle::Piece {
  std::string name;  // by which pieces are in order; of a tree: where it goes, empty: the root
  ItemKind kind = ItemKind::kFiles;
  const SnapshotItem* item = nullptr;
  bool is_roles = false;  // of a PostgreSQL database: those of its server
};

SnapshotBundle::SnapshotBundle(BlobSource& blobs, const LoadedSnapshot& snapshot, const SnapshotPlace& place,
                               std::stop_token stop, Progress& progress, FindingSink findings)
    : blobs_(blobs),
      snapshot_(snapshot),
      place_(place),
      stop_(std::move(stop)),
      progress_(progress),
      findings_(std::move(findings)),
      md5_(std::make_shared<Md5>()) {}

// In the order of their names, which is that in which an import reads what the checksum is of.
std::vector<SnapshotBundle::Piece> SnapshotBundle::Pieces(Layout layout) const {
  std::vector<Piece> pieces;
  if (layout == Layout::kPlain) {
    pieces.push_back({.name = "", .kind = ItemKind::kFiles, .item = place_.item});
    return pieces;
  }
  std::set<std::string> taken = {kMetadataName, kDatabaseFolder};
  const auto unique = [&](const std::string& stem, const std::string& ending) {
    std::string name = stem + ending;
    for (int number = 2; !taken.insert(name).second; ++number) name = fmt::format("{}-{}{}", stem, number, ending);
    return name;
  };
  for (const SnapshotItem& item : snapshot_.inner.items) {
    if (place_.item != nullptr && place_.item != &item) continue;
    const bool is_whole = place_.item == nullptr || place_.inside.empty();
    Piece piece{.name = {}, .kind = item.kind, .item = &item};
    if (item.kind == ItemKind::kPostgres && is_whole) {
      piece.name = unique(std::string(kDatabaseFolder) + "/" + item.name, ".dump");
      pieces.push_back({unique(std::string(kDatabaseFolder) + "/" + item.name, ".roles.sql"), item.kind, &item, true});
    } else if (item.kind == ItemKind::kSqlite && (is_whole || !place_.is_folder())) {
      const bool has_ending = item.name.find('.') != std::string::npos;
      piece.name = unique(std::string(kDatabaseFolder) + "/" + item.name, has_ending ? "" : ".db");
    } else {
      piece.kind = ItemKind::kFiles;
      piece.name = unique(item.name, "");
    }
    pieces.push_back(std::move(piece));
  }
  std::ranges::sort(pieces, {}, [](const Piece& piece) {
    std::string key = piece.name;
    std::ranges::replace(key, '/', '\0');  // a folder before what only begins like it
    return key;
  });
  return pieces;
}

Result<BundleReport> SnapshotBundle::Write(FileBundle& bundle, Layout layout) {
  const std::vector<Piece> pieces = Pieces(layout);
  // The checksum of the metadata is of all bytes, zeros too.
  passes_holes_ = layout == Layout::kPlain && bundle.TakesHoles();
  bool has_folder = false;
  for (const Piece& piece : pieces) {
    const bool is_database = piece.kind == ItemKind::kPostgres || piece.kind == ItemKind::kSqlite;
    if (is_database && !std::exchange(has_folder, true)) {
      RETURN_IF_ERROR(WriteFolder(bundle, kDatabaseFolder, MadeNode(snapshot_.inner.start, NodeType::kFolder, 0)));
    }
    auto written = piece.kind == ItemKind::kPostgres ? WritePostgres(bundle, piece)
                   : piece.kind == ItemKind::kSqlite ? WriteSqlite(bundle, piece)
                                                     : WriteTree(bundle, piece);
    if (!written) return std::move(written).error();
  }
  if (layout == Layout::kByItems) RETURN_IF_ERROR(WriteText(bundle, kMetadataName, Metadata(pieces)));
  RETURN_IF_ERROR(bundle.Finish());
  for (const std::string& note : bundle.Notes()) {
    findings_({Finding::Severity::kNote, ErrorCode::kUnsupported, "the archive", note});
  }
  return report_;
}

Result<void> SnapshotBundle::WriteTree(FileBundle& bundle, const Piece& piece) {
  const SnapshotInner& inner = snapshot_.inner;
  // What a path of the snapshot is called in the bundle.
  const TreePath item_place = piece.item != nullptr ? inner.PlaceOf(*piece.item) : TreePath();
  const auto named = [&](const TreePath& path) {
    if (piece.name.empty()) return path;
    const TreePath below = item_place.empty() ? path : PathBelow(path, item_place);
    const TreePath folder = ToBytes(AsBytes(piece.name));
    return below.empty() ? folder : JoinPath(folder, below);
  };
  SnapshotPlace place = place_;
  if (!piece.name.empty()) {
    RETURN_IF_ERROR(WriteFolder(bundle, piece.name, FolderOfItem(inner, *piece.item)));
    if (place_.item == nullptr) {
      ASSIGN_OR_RETURN(place, FindInSnapshot(blobs_, snapshot_, item_place));
    }
  }
  if (!place.is_folder()) {
    ByteSpan path = place.path;
    while (!path.empty() && path.front() == '/') path = path.subspan(1);
    return WriteNode(bundle, named(ToBytes(path)), place.node, nullptr);
  }
  std::map<std::pair<Bytes, LinkGroup>, TreePath> first_names;  // by item, whose own the groups are
  TreeVisitor visitor;
  visitor.each = [&](const TreePath& path, const Node& node) -> Result<bool> {
    if (stop_.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    const TreePath name = named(path);
    const TreePath* link_to = nullptr;
    if (node.link_group) {
      Bytes item = place.item != nullptr ? Bytes() : Bytes(path.begin(), std::ranges::find(path, '/'));
      const auto [first, is_new] = first_names.emplace(std::pair(std::move(item), *node.link_group), name);
      if (!is_new) link_to = &first->second;
    }
    RETURN_IF_ERROR(WriteNode(bundle, name, node, link_to));
    return true;
  };
  visitor.failed = [&](const TreePath& path, const Error& error) -> Result<void> {
    if (error.code() != ErrorCode::kUnsupported) return Error(error).While("/" + PathForPeople(path));
    ++report_.left_out;
    findings_({SeverityOf(error), error.code(), "/" + PathForPeople(path), error.message()});
    return {};
  };
  return WalkSnapshot(blobs_, inner, place, visitor);
}

Result<void> SnapshotBundle::WriteNode(FileBundle& bundle, const TreePath& path, const Node& node,
                                       const TreePath* link_to) {
  const std::string shown = "/" + PathForPeople(path);
  progress_.SetCurrent(shown);
  ASSIGN_OR_RETURN(const auto attributes, ReadAttributes(blobs_, node));
  if (!bundle.HasName(path)) {
    findings_({Finding::Severity::kNote, ErrorCode::kInvalidArgument, shown,
               "its name is no UTF-8: other programs may show another"});
  }
  std::optional<DataStretches> stretches;
  if (passes_holes_ && node.content && link_to == nullptr) {
    ASSIGN_OR_RETURN(stretches, StretchesOf(blobs_, node).While(shown));
  }
  ASSIGN_OR_RETURN(const FileBundle::Taken taken,
                   bundle.Begin(path, node, attributes, link_to, stretches ? &*stretches : nullptr));
  if (taken == FileBundle::Taken::kCannot || taken == FileBundle::Taken::kTooLong) {
    ++report_.left_out;
    const std::string why = taken == FileBundle::Taken::kTooLong ? fmt::format("a path of {} bytes", path.size())
                                                                 : fmt::format("a {}", Name(node.type));
    findings_({Finding::Severity::kWarning, ErrorCode::kUnsupported, shown,
               why + " cannot be in a zip: left out; tar.zst takes it"});
    return {};
  }
  ++report_.files;
  ++progress_.items_done;
  if (taken == FileBundle::Taken::kWhole) return {};
  const auto each = [&](ByteSpan bytes) {
    progress_.bytes_done += bytes.size();
    md5_->Update(bytes);
    return bundle.Data(bytes);
  };
  RETURN_IF_ERROR(
      StreamContent(blobs_, node, stop_, each, stretches ? Holes::kPassedOver : Holes::kAsZeros).While(shown));
  report_.bytes += node.size;
  return bundle.EndFile();
}

Result<void> SnapshotBundle::WriteFolder(FileBundle& bundle, const std::string& name, const Node& node) {
  ASSIGN_OR_RETURN(const auto taken, bundle.Begin(ToBytes(AsBytes(name)), node, {}, nullptr));
  static_cast<void>(taken);  // each form has folders
  return {};
}

Result<void> SnapshotBundle::WriteText(FileBundle& bundle, const std::string& name, const std::string& text) {
  const Node node = MadeNode(snapshot_.inner.start, NodeType::kFile, text.size());
  ASSIGN_OR_RETURN(const auto taken, bundle.Begin(ToBytes(AsBytes(name)), node, {}, nullptr));
  CHECK(taken == FileBundle::Taken::kBytes);
  md5_->Update(AsBytes(text));
  RETURN_IF_ERROR(bundle.Data(AsBytes(text)));
  ++report_.files;
  report_.bytes += text.size();
  return bundle.EndFile();
}

// Uncompressed: the bundle is what compresses, and what it holds has a size that is known before.
Result<void> SnapshotBundle::WritePostgres(FileBundle& bundle, const Piece& piece) {
  postgres::DumpReader dump(blobs_, piece.item->root, stop_);
  if (piece.is_roles) {
    auto roles = dump.Read(postgres::kRolesFile);
    if (!roles && roles.error().code() == ErrorCode::kNotFound) return {};
    RETURN_IF_ERROR(roles);
    return WriteText(bundle, piece.name, ToString(*roles));
  }
  ASSIGN_OR_RETURN(const PgdumpPlan plan,
                   PgdumpPlan::Make(dump, snapshot_.inner.start, snapshot_.inner.offset_minutes));
  PgdumpWriter writer(dump, plan, 0, progress_);
  ASSIGN_OR_RETURN(const uint64_t size, writer.CustomSize());
  const Node node = MadeNode(snapshot_.inner.start, NodeType::kFile, size);
  ASSIGN_OR_RETURN(const auto taken, bundle.Begin(ToBytes(AsBytes(piece.name)), node, {}, nullptr));
  CHECK(taken == FileBundle::Taken::kBytes);
  EntrySink sink([&](ByteSpan bytes) {
    md5_->Update(bytes);
    return bundle.Data(bytes);
  });
  auto written = writer.WriteCustom(sink, {});
  if (!written) return std::move(written).error().While(piece.item->name);
  CHECK(sink.bytes() == size);
  ++report_.files;
  report_.bytes += size;
  return bundle.EndFile();
}

Result<void> SnapshotBundle::WriteSqlite(FileBundle& bundle, const Piece& piece) {
  std::optional<Node> database;
  RETURN_IF_ERROR(ForEachNode(blobs_, piece.item->root, [&](const Node& node) -> Result<void> {
    if (node.type == NodeType::kFile) database = node;
    return {};
  }));
  if (!database) return MakeError(ErrorCode::kNotFound, "the item {} has no database", piece.item->name);
  return WriteNode(bundle, ToBytes(AsBytes(piece.name)), *database, nullptr);
}

std::string SnapshotBundle::Metadata(const std::vector<Piece>& pieces) {
  std::string time = FormatTime(snapshot_.inner.start, 0) + "Z";
  std::ranges::replace(time, ' ', 'T');
  nlohmann::ordered_json includes = nlohmann::ordered_json::object();
  for (const Piece& piece : pieces) includes[piece.name.substr(0, piece.name.find('/'))] = true;
  const nlohmann::ordered_json json = {{"backup_id", snapshot_.id.ToHex()},    {"created_at", time},
                                       {"description", snapshot_.description}, {"includes", includes},
                                       {"file_size", report_.bytes},           {"checksum", md5_->Hex()},
                                       {"version", std::string(kProgram)}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace cairn::exports
