#include "repo-format/rights.h"

#include <array>

namespace cairn {
namespace {

struct Role {
  std::string_view name;
  Rights rights;
};
constexpr std::array<Role, 5> kRoles = {{{"writer", kWriterRights},
                                         {"lister", kListerRights},
                                         {"maintainer", kMaintainerRights},
                                         {"reader", kReaderRights},
                                         {"owner", kOwnerRights}}};

}  // namespace

Result<Rights> ParseRole(std::string_view role) {
  for (const Role& one : kRoles) {
    if (one.name == role) return one.rights;
  }
  return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no role: writer, lister, maintainer, reader, owner", role);
}

std::string RoleName(Rights rights) {
  for (const Role& one : kRoles) {
    if (one.rights == rights) return std::string(one.name);
  }
  return fmt::format("custom ({:#010x})", rights.bits);
}

bool MaySign(Rights rights, ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kDataPack:
    case ObjectKind::kMetadataPack:
    case ObjectKind::kSegment:
    case ObjectKind::kSession:
    case ObjectKind::kSessionEnd:
    case ObjectKind::kSignOfLife:
      return rights.Has(Rights::kWrite) || rights.Has(Rights::kMaintain);
    case ObjectKind::kSnapshot:
      return rights.Has(Rights::kWrite);
    case ObjectKind::kFence:
    case ObjectKind::kTombstone:
    case ObjectKind::kSeenList:
    case ObjectKind::kNote:
    case ObjectKind::kForgotten:
    case ObjectKind::kDeleted:
      return rights.Has(Rights::kMaintain);
    default:
      return false;
  }
}

}  // namespace cairn
