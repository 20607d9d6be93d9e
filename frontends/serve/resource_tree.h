// Files and folders by the paths that clients ask for: a view without symbolic links and special files.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "frontends/serve/resource.h"
#include "frontends/view/view_tree.h"

namespace cairn::serve {

// WebDAV has no symbolic links. `latest` is shown as the folder that it leads to. In a snapshot a relative link that
// leads to a file of the same item is shown as that file; one that leads to a folder is followed in paths, but listed
// nowhere: who walks a tree would walk in circles, and finds the folder where it is. Other links lead somewhere else
// than into the backup, and are left out, as devices and fifos are.
//
// Safe for concurrent use. Borrows the view.
class ResourceTree {
 public:
  explicit ResourceTree(view::ViewTree& tree) : tree_(tree) {}

  struct Found {
    Resource resource;
    std::string path;                   // as it was asked for; for people
    std::vector<view::FoundPlace> way;  // from what is in the root down to the place itself; empty: the root
    view::Place place() const { return way.empty() ? view::ViewTree::Root() : way.back().place; }
  };
  // Nothing: there is no such file or folder. An Error has been told, as by Judge.
  Result<std::optional<Found>> Find(const std::vector<Bytes>& names);
  // ViewTree::Judge, of an error of reading what was found, or what is in it.
  Error Judge(const Found& found, const Error& error) { return tree_.Judge(found.place(), found.path, error); }

  // One thread at a time.
  class List {
   public:
    // Nothing at the end.
    Result<std::optional<Resource>> Next();

   private:
    friend class ResourceTree;
    List(ResourceTree& tree, Found folder, std::unique_ptr<view::ViewTree::List> entries)
        : tree_(tree), folder_(std::move(folder)), entries_(std::move(entries)) {}
    ResourceTree& tree_;
    const Found folder_;
    const std::unique_ptr<view::ViewTree::List> entries_;
  };
  Result<std::unique_ptr<List>> Open(const Found& folder);

  view::ViewTree& view() { return tree_; }

 private:
  using Way = std::vector<view::FoundPlace>;
  // Goes on from `way`, through links; false, with `way` anywhere, where there is nothing.
  Result<bool> Walk(Way& way, std::vector<Bytes> names, unsigned& links);
  Result<bool> Reach(Found& found, const std::vector<Bytes>& names);
  Result<bool> Follow(Way& way, const view::Place& link, unsigned& links);
  // What is shown of an entry of a folder; nothing where it is left out.
  Result<std::optional<Resource>> Show(const Found& folder, const view::FoundPlace& entry);
  Result<Resource> Describe(const view::FoundPlace& at, Bytes name, std::string path);

  view::ViewTree& tree_;
};

// "/by-time/latest/etc", for people.
std::string PathForPeople(const std::vector<Bytes>& names);

}  // namespace cairn::serve
