#include "engine/jobs/pack_remover.h"

#include <algorithm>
#include <utility>

#include "engine/jobs/at_once.h"
#include "engine/jobs/pack_check.h"
#include "engine/pack/pack_reader.h"

namespace cairn {

PackRemover::PackRemover(const JobContext& context, Repository& repository, Index& index, FindingSink findings)
    : context_(context), repository_(repository), index_(index), findings_(std::move(findings)) {}

// What was decided about a pack was decided by its entry in the index; a wrong one could have hidden blobs that are
// nowhere else, or only under their ids as somebody's garbage. kNotFound: the pack is not there.
Result<void> PackRemover::CompareWithEntry(const TombstoneSeen& tombstone) {
  const auto pack = index_.FindPack(tombstone.pack);
  if (!pack) return {};  // in no segment: decided by its directory
  ASSIGN_OR_RETURN(const std::vector<IndexedFrame> frames, index_.Frames(pack->number));
  ASSIGN_OR_RETURN(const OpenedDirectory opened,
                   ReadDirectory(repository_.store(), repository_.sealer(), pack->kind, pack->name, pack->size));
  return CompareEntry(opened.directory, frames);
}

Result<bool> PackRemover::MayGo(const TombstoneSeen& tombstone, const Result<void>& compared,
                                std::map<PackName, uint64_t>& sizes) {
  const auto pack = index_.FindPack(tombstone.pack);
  if (!pack) {
    if (sizes[tombstone.pack] > 0) return true;
    const auto there = repository_.store().Stat(PackObjectName(tombstone.kind, tombstone.pack));
    if (!there && there.error().code() != ErrorCode::kNotFound) return there.error();
    sizes[tombstone.pack] = there ? there->size : 0;
    return true;
  }
  if (compared) return true;
  const Error& why = compared.error();
  if (why.code() == ErrorCode::kNotFound) {
    sizes[tombstone.pack] = 0;
    return true;
  }
  if (why.code() == ErrorCode::kArchived) {
    archived_.push_back(pack->name);
    return false;
  }
  if (!IsLoss(why.code())) return why;
  if (findings_) {
    findings_({Finding::Severity::kDamage, why.code(), PackObjectName(pack->kind, pack->name).text(),
               why.message() + "; it is not removed (cairn repair index, then cairn repair packs)"});
  }
  return false;
}

Result<std::vector<TombstoneSeen>> PackRemover::ThoseThatMayGo(const std::vector<TombstoneSeen>& candidates,
                                                               std::map<PackName, uint64_t>& sizes) {
  context_.progress.SetPhase("looking at packs to be removed");
  std::vector<Result<void>> compared(candidates.size());
  RETURN_IF_ERROR(AtOnce(context_, candidates.size(), [&](size_t number) -> Result<void> {
    compared[number] = CompareWithEntry(candidates[number]);
    return {};
  }));
  std::vector<TombstoneSeen> ready;
  for (size_t i = 0; i < candidates.size(); ++i) {
    ASSIGN_OR_RETURN(const bool may_go, MayGo(candidates[i], compared[i], sizes));
    if (may_go) ready.push_back(candidates[i]);
  }
  return ready;
}

Result<void> PackRemover::Remove(Protocol& protocol, const std::vector<TombstoneSeen>& packs) {
  context_.progress.SetPhase("removing packs");
  IndexSegment removal;
  for (const TombstoneSeen& tombstone : packs) removal.removed.push_back(tombstone.pack);
  std::ranges::sort(removal.removed);
  RETURN_IF_ERROR(protocol.PutSegment(removal));
  return AtOnce(context_, packs.size(), [&](size_t number) -> Result<void> {
    const TombstoneSeen& tombstone = packs[number];
    auto gone = protocol.RemovePack(tombstone.kind, tombstone.pack);
    if (!gone && gone.error().code() == ErrorCode::kPermission) {
      const std::lock_guard lock(mutex_);
      if (!refused_) refused_ = std::move(gone).error();
      return {};
    }
    RETURN_IF_ERROR(std::move(gone));
    RETURN_IF_ERROR(protocol.RemoveTombstone(tombstone.pack));
    const std::lock_guard lock(mutex_);
    removed_.push_back(tombstone.pack);
    return {};
  });
}

}  // namespace cairn
