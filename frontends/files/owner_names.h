// Names of users and groups on this machine, and back, asked of the system once each.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "repo-format/base/bytes.h"

namespace cairn::files {

// Safe for concurrent use. The system may ask a server: that is why the answers are kept.
class OwnerNames {
 public:
  Bytes UserName(uint64_t uid);  // empty: unknown
  Bytes GroupName(uint64_t gid);
  std::optional<uint64_t> UserId(ByteSpan name);
  std::optional<uint64_t> GroupId(ByteSpan name);

 private:
  std::mutex mutex_;
  // Guarded by mutex_.
  std::unordered_map<uint64_t, Bytes> users_, groups_;
  std::unordered_map<std::string, std::optional<uint64_t>> user_ids_, group_ids_;
};

}  // namespace cairn::files
