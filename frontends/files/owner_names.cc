#include "frontends/files/owner_names.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <vector>

namespace cairn::files {
namespace {

constexpr size_t kBufferBytes = 4096;
constexpr size_t kBufferBytesMax = 4u << 20;  // a group may have many members

// `ask(record, buffer, size, found)` is one of the getpw/getgr calls with its key bound; `use` takes what was found.
template <class Record, class Ask, class Use>
void Look(const Ask& ask, const Use& use) {
  std::vector<char> buffer(kBufferBytes);
  for (;;) {
    Record record;
    Record* found = nullptr;
    const int error = ask(&record, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < kBufferBytesMax) {
      buffer.resize(buffer.size() * 4);
      continue;
    }
    if (error == EINTR) continue;
    if (error == 0 && found != nullptr) use(*found);
    return;
  }
}

}  // namespace

// Two threads may ask for the same name at once: no lock is held while the system answers.
Bytes OwnerNames::UserName(uint64_t uid) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = users_.find(uid); known != users_.end()) return known->second;
  }
  Bytes name;
  Look<passwd>([&](auto... rest) { return ::getpwuid_r(static_cast<uid_t>(uid), rest...); },
               [&](const passwd& record) { name = ToBytes(AsBytes(record.pw_name)); });
  const std::lock_guard lock(mutex_);
  return users_[uid] = name;
}

Bytes OwnerNames::GroupName(uint64_t gid) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = groups_.find(gid); known != groups_.end()) return known->second;
  }
  Bytes name;
  Look<group>([&](auto... rest) { return ::getgrgid_r(static_cast<gid_t>(gid), rest...); },
              [&](const group& record) { name = ToBytes(AsBytes(record.gr_name)); });
  const std::lock_guard lock(mutex_);
  return groups_[gid] = name;
}

std::optional<uint64_t> OwnerNames::UserId(ByteSpan name) {
  const std::string key = ToString(name);
  if (key.find('\0') != std::string::npos) return std::nullopt;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = user_ids_.find(key); known != user_ids_.end()) return known->second;
  }
  std::optional<uint64_t> id;
  Look<passwd>([&](auto... rest) { return ::getpwnam_r(key.c_str(), rest...); },
               [&](const passwd& record) { id = record.pw_uid; });
  const std::lock_guard lock(mutex_);
  return user_ids_[key] = id;
}

std::optional<uint64_t> OwnerNames::GroupId(ByteSpan name) {
  const std::string key = ToString(name);
  if (key.find('\0') != std::string::npos) return std::nullopt;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = group_ids_.find(key); known != group_ids_.end()) return known->second;
  }
  std::optional<uint64_t> id;
  Look<group>([&](auto... rest) { return ::getgrnam_r(key.c_str(), rest...); },
              [&](const group& record) { id = record.gr_gid; });
  const std::lock_guard lock(mutex_);
  return group_ids_[key] = id;
}

}  // namespace cairn::files
