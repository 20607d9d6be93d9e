// How objects lie in the folder of a WebDAV store. Paths are below its root; a folder's ends with "/". WebdavStore says
// why it is so.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/store/webdav/multistatus.h"
#include "repo-format/object_name.h"

namespace cairn::webdav {

inline constexpr std::string_view kTemporary = "tmp/";
inline constexpr std::string_view kFile = "_";  // the first file of a shared object, in its folder

// Is this, or what it is in, in the root and not the repository's?
bool IsOutside(std::string_view path);
// Several may want to be the first at this name: the object is a folder.
bool IsShared(std::string_view name);
bool IsSharedFolder(std::string_view folder);  // of a shared object: its name and "/"

// Of a name, or of a folder's with "/" at its end. What is hidden some servers do not list: where a part begins with a
// dot, a "_" comes before that.
std::string Stored(std::string_view name);
// The other way round, of one part. Nothing where no object, nor what is above one, is stored so.
std::optional<std::string> NameOf(const Entry& entry);

// A shared object's folder, or the file of any other.
std::string PlaceOf(const ObjectName& name);
// Of a shared object the file of a version: "_" is 0, "_7" is 7.
std::string FileOf(const ObjectName& name, uint64_t version = 0);
// Nothing of what is no file of a shared object.
std::optional<uint64_t> VersionOf(const Entry& entry);
// The newest of the files in a shared object's folder; null where there is none.
const Entry* NewestOf(const std::vector<Entry>& entries);

// The folder that holds `path`, which may be a folder itself; "" is the root.
std::string FolderOf(std::string_view path);

}  // namespace cairn::webdav
