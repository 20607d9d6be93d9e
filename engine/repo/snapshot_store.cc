#include "engine/repo/snapshot_store.h"

#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "engine/crypto/aead.h"
#include "engine/env/object_finding.h"
#include "engine/env/run_both.h"
#include "engine/repo/get_each.h"
#include "engine/repo/object_cache.h"
#include "engine/repo/own_objects.h"
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

// What stands under one prefix.
struct Fetched {
  std::vector<ObjectInfo> listed;
  std::vector<Result<Bytes>> objects;  // in the same order
};

class Loader {
 public:
  enum class What : uint8_t { kSnapshots, kForBackup, kWithDeleted };
  Loader(Repository& repository, const JobContext& context, FindingSink findings, SnapshotsFrom from, What what)
      : repository_(repository),
        context_(context),
        findings_(std::move(findings)),
        may_be_cached_(from == SnapshotsFrom::kMayBeCached && repository.keeps_objects()),
        what_(what) {}

  Result<SnapshotSet> Run() {
    // Before the listing: what another process on this machine remembers meanwhile need not be in ours. One that was
    // made ahead is older, by the derivation of a key; the next look is not.
    remembered_ = repository_.cache().Load().snapshots;
    Protocol protocol(repository_, context_, findings_);
    RETURN_IF_ERROR(Look(protocol));
    // A listing is no picture of one moment: what came or went while it was made may be what explains the rest.
    constexpr int kLooksMax = 3;
    for (int looks = 1; looks < kLooksMax && !set_.unexplained.empty(); ++looks) RETURN_IF_ERROR(Look(protocol));
    // After the last listing of snapshots, never before it: a forget that puts deleted/<sid> and takes the snapshot
    // away between the two would be in neither, and a prune would free what can still be asked for.
    if (what_ == What::kWithDeleted) RETURN_IF_ERROR(LoadDeleted(protocol));
    RETURN_IF_ERROR(LoadNotes());
    const auto by_time = [](const LoadedSnapshot& one) { return std::pair(one.inner.start, one.id); };
    std::ranges::sort(set_.snapshots, {}, by_time);
    std::ranges::sort(set_.deleted, {}, [&](const DeletedSnapshot& one) { return by_time(one.snapshot); });
    Remember();
    return std::move(set_);
  }

 private:
  // Snapshots are listed before the records of those that went, for a record is put before its snapshot goes; and
  // before notes, so that none is without those that it had.
  Result<void> Look(Protocol& protocol) {
    const bool for_backup = what_ == What::kForBackup;
    ASSIGN_OR_RETURN(const auto listed, for_backup ? ListOnce() : protocol.ListSnapshots());
    for (const ListedSnapshot& one : listed) set_.newest_date = std::max(set_.newest_date, one.modified);
    const bool is_far = repository_.store().is_far();
    const auto records = [&] {
      return RunBoth(
          is_far, [&] { return FetchAll(kForgottenPrefix, ParsedName::Kind::kForgotten); },
          [&] { return for_backup ? Result<Fetched>(Fetched()) : FetchAll(kNotePrefix, ParsedName::Kind::kNote); });
    };
    auto [loaded, fetched] = RunBoth(is_far, [&] { return LoadListed(listed); }, records);
    RETURN_IF_ERROR(loaded);
    ASSIGN_OR_RETURN(const Fetched forgotten, std::move(fetched.first));
    ASSIGN_OR_RETURN(notes_, std::move(fetched.second));
    RETURN_IF_ERROR(LoadForgotten(forgotten));
    Explain();
    return {};
  }

  Result<std::vector<ListedSnapshot>> ListOnce() {
    std::vector<ListedSnapshot> snapshots;
    RETURN_IF_ERROR(repository_.store().List(kSnapshotPrefix, [&](const ObjectInfo& info) -> Result<void> {
      const ParsedName parsed = ParseObjectName(info.name.text());
      if (parsed.kind == ParsedName::Kind::kSnapshot) snapshots.push_back({parsed.session, info.size, info.modified});
      return {};
    }));
    return snapshots;
  }

  // What is listed and was not loaded yet.
  Result<void> LoadListed(const std::vector<ListedSnapshot>& listed) {
    std::vector<ListedSnapshot> fresh;
    std::vector<ObjectInfo> infos, all;
    for (const ListedSnapshot& one : listed) {
      const ObjectInfo info{SnapshotName(one.id), one.size, one.modified};
      all.push_back(info);
      if (!loaded_.insert(one.id).second) continue;
      fresh.push_back(one);
      infos.push_back(info);
    }
    return Get<Looked>(
        "snapshots", infos, all,
        [&](size_t number, Result<Bytes> object) { return LookAt(fresh[number].id, std::move(object)); },
        [&](size_t number, Looked looked) { return TakeIn(fresh[number], std::move(looked)); });
  }

  // What this machine keeps of it, and the rest from the store. `open` is called by several threads, `each` by this
  // one, in order. `all`: what is there, for what is kept.
  template <class Opened>
  Result<void> Get(const std::string& kind, const std::vector<ObjectInfo>& infos, const std::vector<ObjectInfo>& all,
                   const std::function<Opened(size_t number, Result<Bytes> object)>& open,
                   const std::function<Result<void>(size_t number, Opened opened)>& each) {
    std::optional<ObjectCache> kept;
    if (may_be_cached_) {
      kept.emplace(repository_.cache().files(), context_.random, repository_.cache().ObjectFolder(), kind);
    }
    std::vector<const Bytes*> known(infos.size());
    for (size_t i = 0; kept && i < infos.size(); ++i) {
      known[i] = kept->Find(infos[i]);
      if (known[i] != nullptr) continue;
      auto own = TakeOwn(infos[i]);
      if (!own) continue;
      kept->Add(infos[i], *std::move(own));
      known[i] = kept->Find(infos[i]);
    }
    struct Got {
      std::optional<Bytes> fresh;  // to be kept
      Opened opened;
    };
    const auto get = [&](size_t i) -> Got {
      if (known[i] != nullptr) return {std::nullopt, open(i, Bytes(*known[i]))};
      Result<Bytes> object = repository_.store().Get(infos[i].name, limits::kSnapshotBytesMax);
      std::optional<Bytes> fresh;
      if (kept && object && IsRight(infos[i].name, *object)) fresh = *object;
      return {std::move(fresh), open(i, std::move(object))};
    };
    RETURN_IF_ERROR(GetEachBy(infos.size(), get, context_, [&](size_t i, Got got) {
      if (got.fresh) kept->Add(infos[i], *std::move(got.fresh));
      return each(i, std::move(got.opened));
    }));
    if (kept) kept->Save(all);
    return {};
  }

  // A snapshot that this machine committed.
  std::optional<Bytes> TakeOwn(const ObjectInfo& listed) {
    if (ParseObjectName(listed.name.text()).kind != ParsedName::Kind::kSnapshot) return std::nullopt;
    auto own = OwnObjectsOf(repository_, context_.random);
    auto object = own ? own->Take(listed.name) : std::nullopt;
    if (!object || object->size() != listed.size || !IsRight(listed.name, *object)) return std::nullopt;
    return object;
  }

  // What came damaged is not kept: it may be mended on the store, with the size and time that it had.
  bool IsRight(const ObjectName& name, ByteSpan object) {
    const ParsedName parsed = ParseObjectName(name.text());
    const RawId id = parsed.kind == ParsedName::Kind::kSnapshot ? ToRawId(parsed.session) : ToRawId(parsed.id);
    const auto header = ObjectHeader::Parse(object);
    return header && repository_.sealer().Open(object, header->kind, id, name.text());
  }

  Result<Fetched> FetchAll(std::string_view prefix, ParsedName::Kind kind) {
    Fetched fetched;
    RETURN_IF_ERROR(repository_.store().List(prefix, [&](const ObjectInfo& info) -> Result<void> {
      if (ParseObjectName(info.name.text()).kind == kind) fetched.listed.push_back(info);
      return {};
    }));
    fetched.objects.assign(fetched.listed.size(), Result<Bytes>(Bytes()));
    RETURN_IF_ERROR(Get<Result<Bytes>>(
        std::string(prefix.substr(0, prefix.size() - 1)), fetched.listed, fetched.listed,
        [](size_t, Result<Bytes> object) { return object; },
        [&](size_t number, Result<Bytes> object) -> Result<void> {
          if (!object && !IsLoss(object.error().code())) return std::move(object).error();
          fetched.objects[number] = std::move(object);
          return {};
        }));
    return fetched;
  }

  struct Looked {
    std::optional<Error> unfetched;  // else:
    Result<std::optional<LoadedSnapshot>> loaded = std::optional<LoadedSnapshot>();
  };
  Looked LookAt(const SnapshotId& id, Result<Bytes> object) {
    if (object) return {std::nullopt, Open(id, *object)};
    if (object.error().code() == ErrorCode::kCorrupt) return {std::nullopt, std::move(object).error()};
    return {std::move(object).error()};
  }

  Result<void> TakeIn(const ListedSnapshot& listed, Looked looked) {
    const SnapshotId& id = listed.id;
    const std::string what = SnapshotName(id).text();
    if (looked.unfetched && looked.unfetched->code() == ErrorCode::kNotFound) return {};  // forgotten since
    if (looked.unfetched) return *std::move(looked.unfetched);
    auto& loaded = looked.loaded;
    if (!loaded) {
      set_.unreadable.push_back({SnapshotName(id), loaded.error().code()});
      broken_.insert(id);
      Tell(findings_, DamageOrUnread(loaded.error()), loaded.error(), what);
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
                       Tell(findings_, DamageOrUnread(deleted.error()), deleted.error(), names[number].text());
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
    for (size_t i = 0; i < notes_.listed.size(); ++i) {
      const std::string& name = notes_.listed[i].name.text();
      Result<Bytes>& object = notes_.objects[i];
      const ParsedName parsed = ParseObjectName(name);
      if (!object && object.error().code() == ErrorCode::kNotFound) continue;  // went with its snapshot
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
        set_.unreadable.push_back({notes_.listed[i].name, note.error().code()});
        Tell(findings_, DamageOrUnread(note.error()), note.error(), name);
      }
    }
    for (LoadedSnapshot& snapshot : set_.snapshots) {
      if (const auto found = notes.find(snapshot.id); found != notes.end()) ApplyNotes(snapshot, found->second);
    }
    for (DeletedSnapshot& one : set_.deleted) {
      const auto found = notes.find(one.snapshot.id);
      if (found != notes.end()) ApplyNotes(one.snapshot, found->second);
    }
    return {};
  }

  Result<void> LoadForgotten(const Fetched& fetched) {
    std::set<ForgottenSnapshot> all(set_.forgotten.begin(), set_.forgotten.end());
    for (size_t i = 0; i < fetched.listed.size(); ++i) {
      const ObjectName& name = fetched.listed[i].name;
      const Result<Bytes>& object = fetched.objects[i];
      if (!records_.insert(name.text()).second) continue;
      if (!object && object.error().code() != ErrorCode::kCorrupt && object.error().code() != ErrorCode::kNotFound) {
        return object.error();
      }
      const RawId id = ToRawId(ParseObjectName(name.text()).id);
      auto opened = object ? repository_.sealer().Open(*object, ObjectKind::kForgotten, id, name.text())
                           : Result<OpenedObject>(object.error());
      auto record = opened ? ForgottenRecord::Parse(opened->body) : Result<ForgottenRecord>(opened.error());
      if (record) {
        all.insert(record->snapshots.begin(), record->snapshots.end());
        continue;
      }
      if (record.error().code() != ErrorCode::kNotFound) {
        set_.unreadable_records.push_back({name, record.error().code()});
      }
      Tell(findings_, DamageOrUnread(record.error()), record.error(), name.text());  // its heads will be unexplained
    }
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

  Repository& repository_;
  const JobContext& context_;
  const FindingSink findings_;
  const bool may_be_cached_;
  const What what_;
  SnapshotSet set_;
  Fetched notes_;
  std::vector<std::pair<SnapshotId, Digest>> remembered_;  // of this machine, as it was at the beginning
  std::set<SnapshotId> loaded_, broken_;
  std::set<std::string> records_;  // of forgotten snapshots, that were read
};

}  // namespace

Result<SnapshotSet> LoadSnapshots(Repository& repository, const JobContext& context, FindingSink findings,
                                  SnapshotsFrom from) {
  return Loader(repository, context, std::move(findings), from, Loader::What::kSnapshots).Run();
}

ListingWaves ReaderListings(ReaderListing reads) {
  std::vector<std::string> first = {std::string(kSnapshotPrefix)};
  if (reads == ReaderListing::kBoth) first.emplace_back(kIndexPrefix);
  return {first, first, {std::string(kForgottenPrefix), std::string(kNotePrefix)}};
}

Result<SnapshotSet> LoadSnapshotsForBackup(Repository& repository, const JobContext& context, FindingSink findings) {
  return Loader(repository, context, std::move(findings), SnapshotsFrom::kMayBeCached, Loader::What::kForBackup).Run();
}

Result<SnapshotSet> LoadSnapshotsAndDeleted(Repository& repository, const JobContext& context, FindingSink findings,
                                            SnapshotsFrom from) {
  return Loader(repository, context, std::move(findings), from, Loader::What::kWithDeleted).Run();
}

namespace {

// "latest", with "@TIME" or "~N" or both behind it.
struct LatestName {
  std::optional<WireTime> not_after;
  uint64_t before = 0;  // so many are passed over

  static Result<std::optional<LatestName>> Parse(std::string_view name) {
    constexpr std::string_view kLatest = "latest";
    if (!name.starts_with(kLatest)) return std::optional<LatestName>();
    std::string_view rest = name.substr(kLatest.size());
    LatestName parsed;
    if (const size_t tilde = rest.find('~'); tilde != std::string_view::npos) {
      const std::string_view digits = rest.substr(tilde + 1);
      const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), parsed.before);
      if (digits.empty() || end.ec != std::errc() || end.ptr != digits.data() + digits.size()) {
        return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no snapshot: a number goes behind ~, as in latest~1",
                         name);
      }
      rest = rest.substr(0, tilde);
    }
    if (rest.starts_with('@')) {
      ASSIGN_OR_RETURN(parsed.not_after, ParseEndOfTime(rest.substr(1), SystemClock()));
      rest = {};
    }
    return rest.empty() ? std::optional(parsed) : std::nullopt;
  }
};

Result<const LoadedSnapshot*> ResolveLatest(const SnapshotSet& set, std::string_view name, const LatestName& latest,
                                            const SnapshotFilter& filter) {
  uint64_t passed = 0;
  for (auto snapshot = set.snapshots.rbegin(); snapshot != set.snapshots.rend(); ++snapshot) {  // descending by time
    // What a restore has put aside is nobody's latest backup.
    if (snapshot->inner.snapshot_class == SnapshotClass::kSafety) continue;
    if (filter && !filter(*snapshot)) continue;
    if (latest.not_after && snapshot->inner.start > *latest.not_after) continue;
    if (passed++ == latest.before) return &*snapshot;
  }
  return MakeError(ErrorCode::kNotFound, "none of the {} snapshots of this repository is \"{}\"{}",
                   set.snapshots.size(), name, filter ? ", with what --host, --tag and --path ask for" : "");
}

}  // namespace

Result<const LoadedSnapshot*> ResolveSnapshot(const SnapshotSet& set, std::string_view name,
                                              const SnapshotFilter& filter) {
  ASSIGN_OR_RETURN(const auto latest, LatestName::Parse(name));
  if (latest) return ResolveLatest(set, name, *latest, filter);
  if (name.size() < 4) {
    return MakeError(
        ErrorCode::kInvalidArgument,
        "\"{}\" is no snapshot: give \"latest\", \"latest@TIME\", \"latest~1\", or at least 4 digits of an id", name);
  }
  std::vector<const LoadedSnapshot*> found;
  for (const LoadedSnapshot& snapshot : set.snapshots) {
    if (snapshot.id.ToHex().starts_with(name)) found.push_back(&snapshot);
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

std::optional<Error> DoubtOfLatest(const SnapshotSet& set, std::string_view name, bool is_filtered,
                                   ParsedName::Kind kind) {
  if (!name.starts_with("latest")) return std::nullopt;
  for (const UnreadableObject& one : set.unreadable) {
    const ParsedName::Kind of_it = ParseObjectName(one.name.text()).kind;
    const bool counts = of_it == kind || (is_filtered && of_it == ParsedName::Kind::kNote);
    if (!counts) continue;
    return MakeError(one.code, "\"{}\" is not certain: {} cannot be read, and may {}", name, one.name.text(),
                     of_it == kind ? "be the one that is meant" : "give another snapshot the tag that is asked for");
  }
  if (kind != ParsedName::Kind::kSnapshot || set.unexplained.empty()) return std::nullopt;
  return MakeError(ErrorCode::kNotFound, "\"{}\" is not certain: {}", name, set.unexplained.front());
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
