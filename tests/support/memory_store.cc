#include "tests/support/memory_store.h"

#include <vector>

namespace cairn {
namespace {

Error Absent(const ObjectName& name) { return MakeError(ErrorCode::kNotFound, "there is no {}", name.text()); }

}  // namespace

Result<void> MemoryStore::Put(const ObjectName& name, ByteSpan bytes) {
  const UnixNs now = clock_.Now();
  const std::lock_guard lock(mutex_);
  objects_.insert_or_assign(name.text(), Object{ToBytes(bytes), now});
  return {};
}

Result<bool> MemoryStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  const UnixNs now = clock_.Now();
  const std::lock_guard lock(mutex_);
  return objects_.try_emplace(name.text(), Object{ToBytes(bytes), now}).second;
}

Result<Bytes> MemoryStore::Get(const ObjectName& name, uint64_t size_max) {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(name.text());
  if (found == objects_.end()) return Absent(name);
  const Bytes& bytes = found->second.bytes;
  if (bytes.size() <= size_max) return bytes;
  return Corrupt("{} has {} bytes, at most {} are allowed", name.text(), bytes.size(), size_max);
}

Result<Bytes> MemoryStore::GetRange(const ObjectName& name, uint64_t offset, uint64_t size) {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(name.text());
  if (found == objects_.end()) return Absent(name);
  const Bytes& bytes = found->second.bytes;
  if (offset <= bytes.size() && size <= bytes.size() - offset) return ToBytes(ByteSpan(bytes).subspan(offset, size));
  return Corrupt("{} has {} bytes, {} at offset {} are wanted", name.text(), bytes.size(), size, offset);
}

Result<void> MemoryStore::List(std::string_view prefix, const Each& each, const Stranger& stranger) {
  CHECK(prefix.empty() || prefix.ends_with('/'));
  std::vector<ObjectInfo> found;
  std::vector<std::string> strangers;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = objects_.lower_bound(prefix); it != objects_.end() && it->first.starts_with(prefix); ++it) {
      found.push_back({ObjectName::Parse(it->first).value(), it->second.bytes.size(), it->second.modified});
    }
    for (auto it = strangers_.lower_bound(prefix); it != strangers_.end() && it->starts_with(prefix); ++it) {
      strangers.push_back(*it);
    }
  }
  for (const ObjectInfo& info : found) RETURN_IF_ERROR(each(info));
  for (const std::string& name : strangers) {
    if (stranger) RETURN_IF_ERROR(stranger(name));
  }
  return {};
}

Result<void> MemoryStore::Remove(const ObjectName& name) {
  const std::lock_guard lock(mutex_);
  objects_.erase(name.text());
  return {};
}

Result<ObjectInfo> MemoryStore::Stat(const ObjectName& name) {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(name.text());
  if (found == objects_.end()) return Absent(name);
  return ObjectInfo{name, found->second.bytes.size(), found->second.modified};
}

std::map<std::string, Bytes> MemoryStore::Contents() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Bytes> contents;
  for (const auto& [name, object] : objects_) contents.emplace(name, object.bytes);
  return contents;
}

void MemoryStore::SetContents(const std::map<std::string, Bytes>& contents) {
  const UnixNs now = clock_.Now();
  const std::lock_guard lock(mutex_);
  objects_.clear();
  for (const auto& [name, bytes] : contents) {
    CHECK(ObjectName::Parse(name).has_value());
    objects_.emplace(name, Object{bytes, now});
  }
}

bool MemoryStore::Damage(const ObjectName& name, const std::function<void(Bytes&)>& change) {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(name.text());
  if (found == objects_.end()) return false;
  change(found->second.bytes);
  return true;
}

void MemoryStore::AddStranger(const std::string& name) {
  CHECK(!ObjectName::Parse(name).has_value());
  const std::lock_guard lock(mutex_);
  strangers_.emplace(name);
}

}  // namespace cairn
