#include "frontends/serve/resource_tree.h"

#include <algorithm>

#include "engine/crypto/hash.h"
#include "engine/http/percent.h"
#include "frontends/serve/web_path.h"
#include "repo-format/tree_path.h"

namespace cairn::serve {

using view::FoundPlace;
using view::Place;
using view::ViewTree;
namespace {

constexpr unsigned kLinksMax = 40;  // as Linux follows

bool IsLink(const FoundPlace& found) { return S_ISLNK(found.status.st_mode); }
bool IsFile(const FoundPlace& found) { return S_ISREG(found.status.st_mode); }

// The root of the tree of an item, above which no link leads.
bool IsTreeRoot(const Place& place) { return place.kind != Place::Kind::kNode || place.name.empty(); }

std::vector<Bytes> NamesOf(ByteSpan path) {
  std::vector<Bytes> names;
  for (std::string_view rest = AsText(path); !rest.empty();) {
    const size_t end = rest.find('/');
    if (end != 0) names.push_back(ToBytes(AsBytes(rest.substr(0, end))));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return names;
}

// Equal only where the bytes are: of what says of which blobs they are made.
std::string EtagOf(const Node& file) {
  WireWriter writer;
  writer.U64(file.size);
  writer.U8(file.content->depth);
  for (const ListEntry& entry : file.content->entries) entry.Write(writer);
  if (file.content->depth > 0) file.content->root.Write(writer);
  constexpr size_t kTagBytes = 16;
  return fmt::format("\"{}\"", ToHex(Sha256(std::move(writer).Take()).bytes().first(kTagBytes)));
}

// As the item, and the name in it, tell.
std::string EtagOfMade(const Place& place) {
  WireWriter writer;
  writer.Raw(place.directory.bytes());
  writer.Raw(place.name);
  constexpr size_t kTagBytes = 16;
  return fmt::format("\"{}\"", ToHex(Sha256(std::move(writer).Take()).bytes().first(kTagBytes)));
}

}  // namespace

Result<bool> ResourceTree::Follow(Way& way, const Place& link, unsigned& links) {
  if (++links > kLinksMax) return false;
  ASSIGN_OR_RETURN(const Bytes target, tree_.Target(link));
  if (target.empty() || target.front() == '/') return false;
  return Walk(way, NamesOf(target), links);
}

Result<bool> ResourceTree::Walk(Way& way, std::vector<Bytes> names, unsigned& links) {
  for (const Bytes& name : names) {
    const Place here = way.empty() ? ViewTree::Root() : way.back().place;
    if (!here.is_folder) return false;
    if (AsText(name) == ".") continue;
    if (AsText(name) == "..") {
      if (IsTreeRoot(here)) return false;
      way.pop_back();
      continue;
    }
    ASSIGN_OR_RETURN(auto found, tree_.Find(here, name));
    if (!found) return false;
    if (!IsLink(*found)) {
      way.push_back(*std::move(found));
      continue;
    }
    ASSIGN_OR_RETURN(const bool is_there, Follow(way, found->place, links));
    if (!is_there) return false;
  }
  return true;
}

Result<Resource> ResourceTree::Describe(const FoundPlace& at, Bytes name, std::string path) {
  Resource resource{.name = std::move(name), .href = std::move(path), .is_folder = at.place.is_folder};
  resource.modified = WireTime{at.status.st_mtim.tv_sec, static_cast<uint32_t>(at.status.st_mtim.tv_nsec)};
  if (resource.is_folder && resource.href.back() != '/') resource.href += '/';
  if (at.place.snapshot != nullptr && resource.is_folder) resource.used = at.place.snapshot->inner.totals.bytes;
  ASSIGN_OR_RETURN(const auto node, tree_.NodeOf(at.place));
  if (node == nullptr && !resource.is_folder) {  // made of what the item has
    resource.size = at.has_size ? std::optional(static_cast<uint64_t>(at.status.st_size)) : std::nullopt;
    resource.etag = EtagOfMade(at.place);
  }
  if (node == nullptr) return resource;
  resource.born = node->born;
  if (!node->content) return resource;
  resource.size = node->size;
  resource.etag = EtagOf(*node);
  return resource;
}

// Whether there is something, described in `found`.
Result<bool> ResourceTree::Reach(Found& found, const std::vector<Bytes>& names) {
  unsigned links = 0;
  ASSIGN_OR_RETURN(const bool is_there, Walk(found.way, names, links));
  if (!is_there) return false;
  FoundPlace at;
  if (found.way.empty()) {
    at.place = ViewTree::Root();
    ASSIGN_OR_RETURN(at.status, tree_.Status(at.place));
  } else {
    at = found.way.back();
  }
  if (!at.place.is_folder && !IsFile(at)) return false;
  ASSIGN_OR_RETURN(found.resource, Describe(at, names.empty() ? Bytes() : names.back(), EncodePath(names)));
  return true;
}

Result<std::optional<ResourceTree::Found>> ResourceTree::Find(const std::vector<Bytes>& names) {
  Found found;
  found.path = PathForPeople(names);
  const auto is_there = Reach(found, names);
  if (!is_there) return Judge(found, is_there.error());
  if (!*is_there) return std::optional<Found>();
  return std::optional<Found>(std::move(found));
}

Result<std::optional<Resource>> ResourceTree::Show(const Found& folder, const FoundPlace& entry) {
  std::string path = folder.resource.href + http::PercentEncode(AsText(entry.name));
  if (!IsLink(entry)) {
    if (!entry.place.is_folder && !IsFile(entry)) return std::optional<Resource>();
    ASSIGN_OR_RETURN(Resource resource, Describe(entry, entry.name, std::move(path)));
    return std::optional<Resource>(std::move(resource));
  }
  Way way = folder.way;
  unsigned links = 0;
  ASSIGN_OR_RETURN(const bool is_there, Follow(way, entry.place, links));
  const bool is_latest = entry.place.kind == Place::Kind::kLatest;
  if (!is_there || way.empty() || (!is_latest && !IsFile(way.back()))) return std::optional<Resource>();
  ASSIGN_OR_RETURN(Resource resource, Describe(way.back(), entry.name, std::move(path)));
  return std::optional<Resource>(std::move(resource));
}

Result<std::optional<Resource>> ResourceTree::List::Next() {
  for (;;) {
    ASSIGN_OR_RETURN(const auto entry, entries_->Next());
    if (!entry) return std::optional<Resource>();
    auto shown = tree_.Show(folder_, *entry);
    if (!shown && IsLink(*entry) && IsLoss(shown.error().code())) {
      // Damage where a link leads is not of this folder: it is told, and the others are listed.
      static_cast<void>(tree_.tree_.Judge(entry->place, cairn::PathForPeople(entry->name), shown.error()));
      continue;
    }
    RETURN_IF_ERROR(shown);
    if (*shown) return *std::move(shown);
  }
}

Result<std::unique_ptr<ResourceTree::List>> ResourceTree::Open(const Found& folder) {
  ASSIGN_OR_RETURN(auto entries, tree_.OpenFolder(folder.place()));
  return std::unique_ptr<List>(new List(*this, folder, std::move(entries)));
}

std::string PathForPeople(const std::vector<Bytes>& names) {
  std::string path;
  for (const Bytes& name : names) (path += '/') += cairn::PathForPeople(name);
  return path.empty() ? "/" : path;
}

}  // namespace cairn::serve
