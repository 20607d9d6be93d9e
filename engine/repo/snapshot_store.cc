#include "engine/repo/snapshot_store.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/crypto/aead.h"
#include "engine/repo/get_each.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

using Severity = Finding::Severity;

void Tell(const FindingSink& findings, Severity severity, const Error& error, const std::string& object) {
  if (findings) findings({severity, error.code(), object, error.message()});
}

Result<Bytes> OpenInner(const Repository& repository, const OpenedObject& opened, const SnapshotOuter& outer,
                        const SnapshotId& id) {
  ASSIGN_OR_RETURN(const auto key,
                   repository.session_keys().Get(id, outer.epoch, BlobKind::kMetadata, outer.metadata_envelope));
  const auto header = opened.header.Encode();
  if (outer.inner.size() < 16 + kAeadTagSize) return Corrupt("the inner part has {} bytes", outer.inner.size());
  const ByteSpan inner(outer.inner);
  const Secret32 inner_key = Hkdf(key->bytes(), inner.first(16), {AsBytes("cairn snapshot 1"), header});
  Bytes plain(inner.size() - 16 - kAeadTagSize);
  RETURN_IF_ERROR(AeadOpen(outer.suite, inner_key, AeadNonce{}, header, inner.subspan(16), plain, "the inner part"));
  return plain;
}

Result<LoadedSnapshot> Load(const Repository& repository, const SnapshotId& id, const Bytes& object,
                            const OpenedObject& opened) {
  const std::string what = SnapshotName(id).text();
  ASSIGN_OR_RETURN(const SnapshotOuter outer, SnapshotOuter::Parse(opened.body).While(what));
  LoadedSnapshot loaded;
  loaded.id = id;
  loaded.slot = opened.slot;
  loaded.digest = Sha256(object);
  loaded.counter = outer.counter;
  loaded.heads = outer.heads;
  const Certificate* signer = repository.keyring().FindCertificate(opened.slot);
  CHECK(signer != nullptr);
  if (signer->revoked && outer.counter > signer->counter_max) {
    return MakeError(ErrorCode::kForged, "{}: slot {} was revoked after its snapshot {}, this one says {}", what,
                     opened.slot.ToHex(), signer->counter_max, outer.counter);
  }
  if (repository.keyring().rights().Has(Rights::kMetadataKey)) {
    ASSIGN_OR_RETURN(const Bytes inner, OpenInner(repository, opened, outer, id).While(what));
    ASSIGN_OR_RETURN(loaded.inner, SnapshotInner::Parse(inner).While(what));
    loaded.opened = true;
    loaded.tags = loaded.inner.tags;
    loaded.description = loaded.inner.description;
    const std::string host = ToString(loaded.inner.host);
    if (fnmatch(signer->host_pattern.c_str(), host.c_str(), 0) != 0) {
      return MakeError(ErrorCode::kForged, "{}: slot {} may back up hosts \"{}\", this snapshot says host \"{}\"", what,
                       opened.slot.ToHex(), signer->host_pattern, host);
    }
  }
  return loaded;
}

struct SignedNote {
  NoteRecord note;
  SlotId slot;
  ObjectId id;
};

void ApplyNotes(LoadedSnapshot& snapshot, std::vector<SignedNote>& notes) {
  std::ranges::sort(notes, {}, [](const SignedNote& n) { return std::tuple(n.note.counter, n.slot, n.id); });
  std::set<std::string> tags(snapshot.tags.begin(), snapshot.tags.end());
  for (const SignedNote& signed_note : notes) {
    const NoteRecord& note = signed_note.note;
    for (const std::string& tag : note.tags_removed) tags.erase(tag);
    for (const std::string& tag : note.tags_added) tags.insert(tag);
    if (note.description) snapshot.description = *note.description;
    if (note.protect) snapshot.is_protected = *note.protect;
    if (note.sets_expiry) snapshot.expiry = note.expiry;
    snapshot.notes_counter = std::max(snapshot.notes_counter, note.counter);
  }
  snapshot.tags.assign(tags.begin(), tags.end());
}

class Loader {
 public:
  Loader(Repository& repository, const JobContext& context, FindingSink findings, bool with_deleted)
      : repository_(repository), context_(context), findings_(std::move(findings)), with_deleted_(with_deleted) {}

  Result<SnapshotSet> Run() {
    // Before the listing: what another process on this machine remembers meanwhile need not be in ours.
    remembered_ = repository_.cache().Load().snapshots;
    Protocol protocol(repository_, context_, findings_);
    RETURN_IF_ERROR(LoadListed(protocol));
    RETURN_IF_ERROR(LoadForgotten());
    Explain();
    // A listing is no picture of one moment: what came or went while it was made may be what explains the rest.
    constexpr int kLooksMax = 3;
    for (int looks = 1; looks < kLooksMax && !set_.unexplained.empty(); ++looks) {
      RETURN_IF_ERROR(LoadListed(protocol));
      RETURN_IF_ERROR(LoadForgotten());
      Explain();
    }
    // After the last listing of snapshots, never before it: a forget that puts deleted/<sid> and takes the snapshot
    // away between the two would be in neither, and a prune would free what can still be asked for.
    if (with_deleted_) RETURN_IF_ERROR(LoadDeleted(protocol));
    RETURN_IF_ERROR(LoadNotes());
    const auto by_time = [](const LoadedSnapshot& one) { return std::pair(one.inner.start, one.id); };
    std::ranges::sort(set_.snapshots, {}, by_time);
    std::ranges::sort(set_.deleted, {}, [&](const DeletedSnapshot& one) { return by_time(one.snapshot); });
    Remember();
    return std::move(set_);
  }

 private:
  // What is listed and was not loaded yet.
  Result<void> LoadListed(Protocol& protocol) {
    ASSIGN_OR_RETURN(const auto listed, protocol.ListSnapshots());
    std::vector<ListedSnapshot> fresh;
    std::vector<ObjectName> names;
    for (const ListedSnapshot& one : listed) {
      set_.newest_date = std::max(set_.newest_date, one.modified);
      if (!loaded_.insert(one.id).second) continue;
      fresh.push_back(one);
      names.push_back(SnapshotName(one.id));
    }
    return Get(names, [&](size_t number, Result<Bytes> object) { return LoadOne(fresh[number], std::move(object)); });
  }

  Result<void> Get(const std::vector<ObjectName>& names,
                   const std::function<Result<void>(size_t number, Result<Bytes> object)>& each) {
    return GetEach(repository_.store(), names, limits::kSnapshotBytesMax, context_, each);
  }

  Result<void> LoadOne(const ListedSnapshot& listed, Result<Bytes> object) {
    const SnapshotId& id = listed.id;
    const std::string what = SnapshotName(id).text();
    if (!object && object.error().code() == ErrorCode::kNotFound) return {};  // forgotten since
    if (!object && object.error().code() != ErrorCode::kCorrupt) return std::move(object).error();
    auto loaded = object ? Open(id, *object) : Result<std::optional<LoadedSnapshot>>(object.error());
    if (!loaded) {
      set_.unreadable.push_back({SnapshotName(id), loaded.error().code()});
      broken_.insert(id);
      Tell(findings_, Severity::kDamage, loaded.error(), what);
    } else if (*loaded) {
      JudgeTime(**loaded, listed.modified);
      set_.snapshots.push_back(**std::move(loaded));
    } else {
      set_.fences.push_back(id);
    }
    return {};
  }

  Result<void> LoadDeleted(Protocol& protocol) {
    std::set<SnapshotId> in_place;
    for (const LoadedSnapshot& snapshot : set_.snapshots) in_place.insert(snapshot.id);
    ASSIGN_OR_RETURN(auto listed, protocol.ListDeleted());
    for (const ListedSnapshot& one : listed) set_.newest_date = std::max(set_.newest_date, one.modified);
    std::erase_if(listed, [&](const ListedSnapshot& one) { return in_place.contains(one.id); });
    std::vector<ObjectName> names;
    for (const ListedSnapshot& one : listed) names.push_back(DeletedName(one.id));
    return GetEach(repository_.store(), names, limits::kDeletedBytesMax, context_,
                   [&](size_t number, Result<Bytes> object) -> Result<void> {
                     if (!object && object.error().code() == ErrorCode::kNotFound) return {};  // it is over
                     if (!object && object.error().code() != ErrorCode::kCorrupt) return std::move(object).error();
                     auto deleted = object ? OpenDeleted(listed[number], *object)
                                           : Result<DeletedSnapshot>(std::move(object).error());
                     if (deleted) {
                       set_.deleted.push_back(*std::move(deleted));
                     } else {
                       set_.unreadable.push_back({names[number], deleted.error().code()});
                       Tell(findings_, Severity::kDamage, deleted.error(), names[number].text());
                     }
                     return {};
                   });
  }

  Result<DeletedSnapshot> OpenDeleted(const ListedSnapshot& listed, const Bytes& object) {
    const std::string what = DeletedName(listed.id).text();
    ASSIGN_OR_RETURN(const OpenedObject opened,
                     repository_.sealer().Open(object, ObjectKind::kDeleted, ToRawId(listed.id), what));
    ASSIGN_OR_RETURN(const DeletedRecord record, DeletedRecord::Parse(opened.body).While(what));
    ASSIGN_OR_RETURN(std::optional<LoadedSnapshot> snapshot, Open(listed.id, record.object).While(what));
    if (!snapshot) return Corrupt("{}: it holds a fence, and no snapshot", what);
    const uint32_t at_least = repository_.keyring().sealed_part().keep_deleted_seconds;
    return DeletedSnapshot{.snapshot = *std::move(snapshot),
                           .digest = Sha256(object),
                           .put = listed.modified,
                           .keep_seconds = std::max(record.keep_seconds, at_least),
                           .by = opened.slot};
  }

  // A slot that may maintain may remove snapshots anyway, and copies and imports are put with times long past.
  void JudgeTime(LoadedSnapshot& snapshot, UnixNs stored) {
    constexpr int64_t kDaySeconds = 86'400;
    const Certificate* signer = repository_.keyring().FindCertificate(snapshot.slot);
    if (!snapshot.opened || stored == 0 || signer->rights.Has(Rights::kMaintain)) return;
    const int64_t stored_seconds = stored / 1'000'000'000;
    const int64_t start = snapshot.inner.start.seconds;
    snapshot.time_doubtful = start > stored_seconds + kDaySeconds || start < stored_seconds - kDaySeconds;
    if (!snapshot.time_doubtful) return;
    const WireTime at{stored_seconds, 0};
    Tell(findings_, Severity::kWarning,
         MakeError(ErrorCode::kInvalidArgument,
                   "it says that it was made at {}, the store got it at {}: no policy forgets it or counts it "
                   "(name its id to forget it)",
                   FormatTime(snapshot.inner.start, 0), FormatTime(at, 0)),
         "snapshot " + snapshot.id.ToHex());
  }

  // Nothing: a fence.
  Result<std::optional<LoadedSnapshot>> Open(const SnapshotId& id, const Bytes& object) {
    const std::string what = SnapshotName(id).text();
    ASSIGN_OR_RETURN(const ObjectHeader header, ObjectHeader::Parse(object).While(what));
    const bool fence = header.kind == ObjectKind::kFence;
    const ObjectKind kind = fence ? ObjectKind::kFence : ObjectKind::kSnapshot;
    ASSIGN_OR_RETURN(const OpenedObject opened, repository_.sealer().Open(object, kind, ToRawId(id), what));
    if (fence) {
      RETURN_IF_ERROR(FenceRecord::Parse(opened.body).While(what));
      return std::optional<LoadedSnapshot>();
    }
    ASSIGN_OR_RETURN(LoadedSnapshot loaded, Load(repository_, id, object, opened));
    return std::optional<LoadedSnapshot>(std::move(loaded));
  }

  Result<void> LoadNotes() {
    std::map<SnapshotId, std::vector<SignedNote>> notes;
    ASSIGN_OR_RETURN(const auto names, List(kNotePrefix, ParsedName::Kind::kNote));
    RETURN_IF_ERROR(Get(names, [&](size_t number, Result<Bytes> object) -> Result<void> {
      const std::string& name = names[number].text();
      const ParsedName parsed = ParseObjectName(name);
      if (!object && object.error().code() == ErrorCode::kNotFound) return {};  // went with its snapshot
      if (!object && object.error().code() != ErrorCode::kCorrupt) return std::move(object).error();
      auto opened = object ? repository_.sealer().Open(*object, ObjectKind::kNote, ToRawId(parsed.id), name)
                           : Result<OpenedObject>(object.error());
      auto note = opened ? NoteRecord::Parse(opened->body) : Result<NoteRecord>(opened.error());
      if (note && note->snapshot != parsed.session) {
        note = MakeError(ErrorCode::kForged, "{} was made for snapshot {}", name, note->snapshot.ToHex());
      }
      if (note) {
        notes[parsed.session].push_back({*std::move(note), opened->slot, parsed.id});
      } else {
        // A protection that cannot be read might be one: whoever removes snapshots must not go on without it.
        set_.unreadable.push_back({names[number], note.error().code()});
        Tell(findings_, Severity::kDamage, note.error(), name);
      }
      return {};
    }));
    for (LoadedSnapshot& snapshot : set_.snapshots) {
      if (const auto found = notes.find(snapshot.id); found != notes.end()) ApplyNotes(snapshot, found->second);
    }
    for (DeletedSnapshot& one : set_.deleted) {
      const auto found = notes.find(one.snapshot.id);
      if (found != notes.end()) ApplyNotes(one.snapshot, found->second);
    }
    return {};
  }

  Result<void> LoadForgotten() {
    std::set<ForgottenSnapshot> all(set_.forgotten.begin(), set_.forgotten.end());
    ASSIGN_OR_RETURN(auto names, List(kForgottenPrefix, ParsedName::Kind::kForgotten));
    std::erase_if(names, [&](const ObjectName& name) { return !records_.insert(name.text()).second; });
    RETURN_IF_ERROR(Get(names, [&](size_t number, Result<Bytes> object) -> Result<void> {
      const std::string& name = names[number].text();
      if (!object && object.error().code() != ErrorCode::kCorrupt && object.error().code() != ErrorCode::kNotFound) {
        return std::move(object).error();
      }
      const RawId id = ToRawId(ParseObjectName(name).id);
      auto opened = object ? repository_.sealer().Open(*object, ObjectKind::kForgotten, id, name)
                           : Result<OpenedObject>(object.error());
      auto record = opened ? ForgottenRecord::Parse(opened->body) : Result<ForgottenRecord>(opened.error());
      if (record) {
        all.insert(record->snapshots.begin(), record->snapshots.end());
        return {};
      }
      if (record.error().code() != ErrorCode::kNotFound) {
        set_.unreadable_records.push_back({names[number], record.error().code()});
      }
      Tell(findings_, Severity::kDamage, record.error(), name);  // its heads will be unexplained
      return {};
    }));
    set_.forgotten.assign(all.begin(), all.end());
    return {};
  }

  void Explain() {
    set_.unexplained.clear();
    set_.unexplained_records.clear();
    std::set<Digest> known;
    std::set<SnapshotId> ids;
    for (const LoadedSnapshot& snapshot : set_.snapshots) {
      known.insert(snapshot.digest);
      ids.insert(snapshot.id);
    }
    for (const ForgottenSnapshot& gone : set_.forgotten) {
      known.insert(gone.digest);
      ids.insert(gone.snapshot);
    }
    for (const LoadedSnapshot& snapshot : set_.snapshots) {
      for (const Digest& head : snapshot.heads) {
        if (known.contains(head)) continue;
        set_.unexplained.push_back(
            fmt::format("snapshot {} follows one with SHA-256 {} that is neither there nor "
                        "recorded as forgotten",
                        snapshot.id.ToHex(), head.ToHex()));
        set_.unexplained_records.push_back({SnapshotId(), snapshot.slot, 0, head, ForgottenWhy::kLost});
      }
    }
    for (const auto& [id, digest] : remembered_) {
      if (ids.contains(id) || broken_.contains(id)) continue;
      set_.unexplained.push_back(
          fmt::format("snapshot {} was there when this machine looked last, and is gone without "
                      "a record of it",
                      id.ToHex()));
      set_.unexplained_records.push_back({id, SlotId(), 0, digest, ForgottenWhy::kLost});
    }
  }

  void Remember() {
    LocalCache::Remembered remembered = repository_.cache().Load();
    std::map<SnapshotId, Digest> snapshots(remembered.snapshots.begin(), remembered.snapshots.end());
    for (const ForgottenSnapshot& gone : set_.forgotten) snapshots.erase(gone.snapshot);
    for (const LoadedSnapshot& snapshot : set_.snapshots) snapshots[snapshot.id] = snapshot.digest;
    std::vector<std::pair<SnapshotId, Digest>> now(snapshots.begin(), snapshots.end());
    if (now == remembered.snapshots) return;
    remembered.snapshots = std::move(now);
    IgnoreError(repository_.cache().Store(remembered), "advisory");
  }

  Result<std::vector<ObjectName>> List(std::string_view prefix, ParsedName::Kind kind) {
    std::vector<ObjectName> names;
    RETURN_IF_ERROR(repository_.store().List(prefix, [&](const ObjectInfo& info) -> Result<void> {
      if (ParseObjectName(info.name.text()).kind == kind) names.push_back(info.name);
      return {};
    }));
    return names;
  }

  Repository& repository_;
  const JobContext& context_;
  const FindingSink findings_;
  const bool with_deleted_;
  SnapshotSet set_;
  std::vector<std::pair<SnapshotId, Digest>> remembered_;  // of this machine, as it was at the beginning
  std::set<SnapshotId> loaded_, broken_;
  std::set<std::string> records_;  // of forgotten snapshots, that were read
};

}  // namespace

Result<SnapshotSet> LoadSnapshots(Repository& repository, const JobContext& context, FindingSink findings) {
  return Loader(repository, context, std::move(findings), false).Run();
}

Result<SnapshotSet> LoadSnapshotsAndDeleted(Repository& repository, const JobContext& context, FindingSink findings) {
  return Loader(repository, context, std::move(findings), true).Run();
}

Result<const LoadedSnapshot*> ResolveSnapshot(const SnapshotSet& set, std::string_view name,
                                              const SnapshotFilter& filter) {
  const bool latest = name == "latest" || name.starts_with("latest@");
  std::vector<const LoadedSnapshot*> found;
  std::optional<WireTime> not_after;
  if (name.starts_with("latest@")) {
    ASSIGN_OR_RETURN(not_after, ParseTime(name.substr(7), SystemClock()));
  }
  if (!latest && name.size() < 4) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "\"{}\" is no snapshot: give \"latest\", \"latest@TIME\", or at least 4 digits of an id", name);
  }
  for (const LoadedSnapshot& snapshot : set.snapshots) {
    // What a restore has put aside is nobody's latest backup.
    if (latest && snapshot.inner.snapshot_class == SnapshotClass::kSafety) continue;
    if (latest ? (filter && !filter(snapshot)) : !snapshot.id.ToHex().starts_with(name)) continue;
    if (not_after && snapshot.inner.start > *not_after) continue;
    if (latest) found.clear();  // ascending by time: the last one stays
    found.push_back(&snapshot);
  }
  if (found.empty() && latest) {
    return MakeError(ErrorCode::kNotFound, "none of the {} snapshots of this repository is \"{}\"{}",
                     set.snapshots.size(), name, filter ? ", with what --host, --tag and --path ask for" : "");
  }
  if (found.empty()) {
    return MakeError(ErrorCode::kNotFound, "there is no snapshot \"{}\" among the {} of this repository", name,
                     set.snapshots.size());
  }
  if (found.size() > 1) {
    std::string candidates;
    for (const LoadedSnapshot* one : found) candidates += " " + one->id.ToHex();
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is the beginning of {} ids:{}", name, found.size(),
                     candidates);
  }
  return found.front();
}

Result<const DeletedSnapshot*> ResolveDeleted(const SnapshotSet& set, std::string_view name,
                                              const SnapshotFilter& filter) {
  SnapshotSet deleted;
  for (const DeletedSnapshot& one : set.deleted) deleted.snapshots.push_back(one.snapshot);
  auto found = ResolveSnapshot(deleted, name, filter);
  if (!found) return std::move(found).error().While("of what was forgotten and is kept");
  return &set.deleted[static_cast<size_t>(*found - deleted.snapshots.data())];
}

SlotHeads HeadsOfSlot(const SnapshotSet& set, const SlotId& slot) {
  SlotHeads result;
  std::set<Digest> named;
  std::set<Digest> mine;
  for (const LoadedSnapshot& snapshot : set.snapshots) {
    if (snapshot.slot != slot) continue;
    mine.insert(snapshot.digest);
    named.insert(snapshot.heads.begin(), snapshot.heads.end());
    result.counter_next = std::max(result.counter_next, snapshot.counter + 1);
  }
  for (const ForgottenSnapshot& gone : set.forgotten) {
    if (gone.slot == slot) result.counter_next = std::max(result.counter_next, gone.counter + 1);
  }
  std::ranges::set_difference(mine, named, std::back_inserter(result.heads));
  return result;
}

}  // namespace cairn
