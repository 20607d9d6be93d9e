#include "engine/repo/repository.h"

#include <fnmatch.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>

#include "engine/codec/checksum.h"
#include "engine/crypto/hash.h"
#include "engine/env/run_both.h"
#include "engine/repo/first_put.h"
#include "engine/repo/own_objects.h"
#include "engine/repo/protocol.h"
#include "repo-format/limits.h"
#include "repo-format/wire_reader.h"
#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

struct ConfigListed {
  uint64_t number = 0, size = 0;
  UnixNs modified = 0;
};
Result<ConfigListed> NewestConfig(ObjectStore& store) {
  ConfigListed newest;
  RETURN_IF_ERROR(store.List(kConfigPrefix, [&](const ObjectInfo& info) -> Result<void> {
    const ParsedName parsed = ParseObjectName(info.name.text());
    if (parsed.kind == ParsedName::Kind::kConfig && parsed.number > newest.number)
      newest = {parsed.number, info.size, info.modified};
    return {};
  }));
  if (newest.number == 0) {
    return MakeError(ErrorCode::kNotFound,
                     "there is no repository at {}: it holds no config (is it mounted? cairn init makes a new one)",
                     store.description());
  }
  return newest;
}

// Where there is no config: whether one was lost. Who makes a repository puts nothing of these before its config.
Error NoConfig(ObjectStore& store, Error error) {
  for (const std::string_view prefix : {kSnapshotPrefix, kIndexPrefix}) {
    const auto listed = store.List(prefix, [&](const ObjectInfo& info) -> Result<void> {
      const auto kind = ParseObjectName(info.name.text()).kind;  // another program's folder may be named so, too
      if (kind != ParsedName::Kind::kSnapshot && kind != ParsedName::Kind::kSegment) return {};
      return MakeError(ErrorCode::kCorrupt, "{} holds {} and no config: what was under config/ is lost",
                       store.description(), info.name.text());
    });
    if (!listed && listed.error().code() != ErrorCode::kNotFound) return listed.error();
  }
  return error;
}

Result<std::vector<KeyId>> ListKeyObjects(ObjectStore& store) {
  std::vector<KeyId> keys;
  RETURN_IF_ERROR(store.List(kKeyPrefix, [&](const ObjectInfo& info) -> Result<void> {
    const ParsedName parsed = ParseObjectName(info.name.text());
    if (parsed.kind == ParsedName::Kind::kKey) keys.push_back(parsed.key);
    return {};
  }));
  std::ranges::sort(keys);
  return keys;
}

Result<SlotKeys> OpenKey(const Bytes& object, const KeyId& id, ByteSpan password) {
  ASSIGN_OR_RETURN(KeyObjectSecrets secrets, OpenKeyObject(object, id, password));
  return SlotKeys::From(std::move(secrets));
}

Result<SlotKeys> OpenKey(ObjectStore& store, const KeyId& id, ByteSpan password) {
  ASSIGN_OR_RETURN(const Bytes object, store.Get(KeyName(id), limits::kKeyObjectBytesMax));
  return OpenKey(object, id, password);
}

// What opened the repository of an address last time: its key object's name, and the config, which never changes
// under its number. Advisory, and verified as what comes from the store is.
struct LastOpened {
  KeyId key;
  uint64_t config_number = 0;
  UnixNs config_modified = 0;
  Bytes config;
};

std::string LastOpenedPath(const ObjectStore& store, const std::string& cache_root) {
  return cache_root + "/opened-" + Sha256(AsBytes(store.description())).ToHex().substr(0, 32);
}

std::optional<LastOpened> LoadLastOpened(const ObjectStore& store, const OpenOptions& options) {
  const auto bytes = options.files->ReadFile(LastOpenedPath(store, options.cache_root));
  const auto whole = bytes ? TakeOffChecksum(*bytes) : std::nullopt;
  if (!whole) return std::nullopt;
  WireReader reader(*whole, "what opened last");
  LastOpened last;
  last.key = reader.Get<KeyId>();
  last.config_number = reader.U64();
  last.config_modified = static_cast<UnixNs>(reader.U64());
  last.config = ToBytes(reader.String(limits::kConfigBytesMax));
  if (!reader.Finish()) return std::nullopt;
  return last;
}

void StoreLastOpened(const ObjectStore& store, const OpenOptions& options, const LastOpened& last,
                     const Random& random) {
  WireWriter writer;
  writer.Put(last.key);
  writer.U64(last.config_number);
  writer.U64(static_cast<uint64_t>(last.config_modified));
  writer.String(last.config);
  const std::string temporary = options.cache_root + "/tmp-" + random.NewId<ObjectId>().ToHex();
  Bytes file = std::move(writer).Take();
  AppendChecksum(file);
  auto written = options.files->WriteNewFile(temporary, file);
  if (written) written = options.files->Rename(temporary, LastOpenedPath(store, options.cache_root));
  if (!written) IgnoreError(options.files->Remove(temporary), "advisory");
}

struct OpenedKey {
  KeyId id;
  uint64_t config_min = 0;
  Keyring keyring;
};

Error NoKeyOpens(const ObjectStore& store, size_t keys, bool broken) {
  if (keys == 0) return Corrupt("{} holds a config, but no key object under keys/", store.description());
  const std::string which = keys == 1 ? "the key" : fmt::format("none of the {} keys", keys);
  return MakeError(ErrorCode::kWrongKey, "{} of {} {}{}", which, store.description(),
                   keys == 1 ? "does not open with this password" : "opens with this password",
                   broken ? "; at least one of them is damaged" : "");
}

// Tries the key object that opened last time first: each try costs an Argon2id. The key objects of a slot that was
// removed stay behind, and a later slot may have the same password: so a removed one is passed over.
Result<OpenedKey> TryKeys(ObjectStore& store, ByteSpan password, const FoundRepository& found, Log& log) {
  std::vector<KeyId> keys = found.keys;
  std::optional<KeyId> tried;
  if (found.last_key) {
    const auto& [id, object] = *found.last_key;
    auto slot = OpenKey(object, id, password);
    if (!slot && slot.error().code() == ErrorCode::kWrongKey) tried = id;
    if (slot) {
      const uint64_t config_min = slot->config_min;
      auto keyring = Keyring::Open(*std::move(slot), found.config_number, found.config);
      if (keyring) return OpenedKey{id, config_min, *std::move(keyring)};
      if (keyring.error().code() != ErrorCode::kNoRight) return std::move(keyring).error();
    }
    ASSIGN_OR_RETURN(keys, ListKeyObjects(store));
  }
  if (keys.size() > limits::kKeyObjectsTried) {
    log.Warning("{} holds {} key objects: {} of them are tried", store.description(), keys.size(),
                limits::kKeyObjectsTried);
    keys.resize(limits::kKeyObjectsTried);
  }
  std::optional<Error> broken, untried, no_right;
  for (const KeyId& id : keys) {
    if (id == tried) continue;
    auto slot = OpenKey(store, id, password);
    if (!slot) {
      const ErrorCode code = slot.error().code();
      if (code == ErrorCode::kWrongKey || code == ErrorCode::kNotFound) continue;  // or it was removed meanwhile
      log.Warning("key {}: {}", id.ToHex(), slot.error().message());
      (IsLoss(code) ? broken : untried) = std::move(slot).error();
      continue;
    }
    const uint64_t config_min = slot->config_min;
    auto keyring = Keyring::Open(*std::move(slot), found.config_number, found.config);
    if (keyring) return OpenedKey{id, config_min, *std::move(keyring)};
    if (keyring.error().code() != ErrorCode::kNoRight) return std::move(keyring).error();
    no_right = std::move(keyring).error();
  }
  if (no_right) return *std::move(no_right);
  // It may be the one that this password opens: that is not known to be wrong.
  if (untried) return std::move(*untried).While(fmt::format("opening the keys of {}", store.description()));
  if (broken && keys.size() == 1) return *std::move(broken);
  return NoKeyOpens(store, keys.size(), broken.has_value());
}

}  // namespace

Repository::Repository(ObjectStore& store, Keyring keyring, const Random& random, std::unique_ptr<LocalCache> cache,
                       KeyId key)
    : store_(store),
      keyring_(std::move(keyring)),
      sealer_(keyring_, random),
      hasher_(keyring_),
      session_keys_(keyring_),
      cache_(std::move(cache)),
      opened_with_(key) {}

Result<RepositoryId> Repository::Init(ObjectStore& store, ByteSpan password, const InitOptions& options,
                                      const Random& random, const Clock& clock) {
  auto newest = NewestConfig(store);
  if (newest) {
    return MakeError(ErrorCode::kAlreadyExists, "there is a repository at {} already", store.description());
  }
  if (newest.error().code() != ErrorCode::kNotFound) return std::move(newest).error();
  ASSIGN_OR_RETURN(NewRepository made, MakeRepository(options.repository, random, clock));

  // The key object first: config/1 is what makes it a repository.
  const auto key = random.NewId<KeyId>();
  KeyObjectSecrets secrets;
  secrets.slot = made.owner.slot;
  std::ranges::copy(made.owner.x25519_secret.bytes(), secrets.x25519_secret.begin());
  std::ranges::copy(made.owner.ed25519_seed.bytes(), secrets.ed25519_seed.begin());
  secrets.root_public = made.owner.root_public;
  secrets.config_min = 1;
  secrets.label = made.owner.label;
  const WipeGuard wipe_x(secrets.x25519_secret);
  const WipeGuard wipe_e(secrets.ed25519_seed);
  ASSIGN_OR_RETURN(const Bytes key_object, SealKeyObject(made.family, key, password, secrets, options.cost, random));
  ASSIGN_OR_RETURN(const Keyring keyring, Keyring::Open(std::move(made.owner), 1, made.config_object));
  RETURN_IF_ERROR(store.Put(KeyName(key), key_object).While("creating the repository"));
  ASSIGN_OR_RETURN(const bool first, PutFirst(store, ConfigName(1), made.config_object));
  if (!first) {
    IgnoreError(store.Remove(KeyName(key)), "our own key object, which opens nothing here");
    return MakeError(ErrorCode::kAlreadyExists, "somebody else has just made a repository at {}", store.description());
  }
  return keyring.repository();
}

Result<FoundRepository> Repository::Find(ObjectStore& store, const OpenOptions& options) {
  FoundRepository found;
  const std::optional<LastOpened> last = LoadLastOpened(store, options);
  const auto keys = [&]() -> Result<void> {
    if (last) {
      auto object = store.Get(KeyName(last->key), limits::kKeyObjectBytesMax);
      if (object) found.last_key.emplace(last->key, *std::move(object));
      if (object) return {};
      // Another may open it; what is wrong with this one is told where all are tried.
      if (EndsJob(object.error().code())) return std::move(object).error();
    }
    ASSIGN_OR_RETURN(found.keys, ListKeyObjects(store));
    return {};
  };
  auto [newest, of_keys] = RunBoth(store.is_far(), [&] { return NewestConfig(store); }, keys);
  if (!newest && newest.error().code() == ErrorCode::kNotFound) return NoConfig(store, std::move(newest).error());
  RETURN_IF_ERROR(newest);
  RETURN_IF_ERROR(of_keys);
  found.config_number = newest->number;
  found.config_modified = newest->modified;
  // Where its key object is gone, what stands at the address may be another repository.
  const bool is_known = last && found.last_key && last->config_number == newest->number &&
                        last->config.size() == newest->size && last->config_modified == newest->modified &&
                        newest->modified != 0 && store.is_far();
  if (is_known) {
    found.config = last->config;
  } else {
    ASSIGN_OR_RETURN(found.config, store.Get(ConfigName(newest->number), limits::kConfigBytesMax));
  }
  return found;
}

Result<std::unique_ptr<Repository>> Repository::Open(ObjectStore& store, ByteSpan password, const OpenOptions& options,
                                                     const JobContext& context) {
  ASSIGN_OR_RETURN(const FoundRepository found, Find(store, options));
  return Open(store, found, password, options, context);
}

Result<std::unique_ptr<Repository>> Repository::Open(ObjectStore& store, const FoundRepository& found,
                                                     ByteSpan password, const OpenOptions& options,
                                                     const JobContext& context) {
  const uint64_t number = found.config_number;
  RETURN_IF_ERROR(MakeFolders(*options.files, options.cache_root).While("making the cache folder"));

  ASSIGN_OR_RETURN(OpenedKey opened, TryKeys(store, password, found, context.log));
  if (number < opened.config_min) {
    return MakeError(ErrorCode::kForged, "{} shows config {} as its newest, but this key was made under config {}",
                     store.description(), number, opened.config_min);
  }
  ASSIGN_OR_RETURN(auto cache,
                   LocalCache::Open(*options.files, context.random, options.cache_root, opened.keyring.repository()));
  auto repository = std::unique_ptr<Repository>(
      new Repository(store, std::move(opened.keyring), context.random, std::move(cache), opened.id));

  if (store.is_far() && options.metadata_cache_bytes > 0) {
    repository->metadata_cache_ = std::make_unique<MetadataCache>(
        *options.files, context.random, repository->cache().MetadataFolder(), options.metadata_cache_bytes);
  }

  LocalCache::Remembered remembered = repository->cache().Load();
  const Digest& digest = repository->keyring().config_digest();
  if (remembered.config_number > number || (remembered.config_number == number && remembered.config_digest != digest)) {
    repository->stale_config_ = true;
    context.log.Warning(
        "{} shows config {} ({}), but this machine has seen config {} ({}): an older state is being "
        "shown; nothing will be written",
        store.description(), number, digest.Short(), remembered.config_number, remembered.config_digest.Short());
  } else if (remembered.config_number != number || remembered.key != opened.id) {
    remembered.config_number = number;
    remembered.config_digest = digest;
    remembered.key = opened.id;
    IgnoreError(repository->cache().Store(remembered), "advisory");
  }
  const auto last = LoadLastOpened(store, options);
  if (!last || last->key != opened.id || last->config_number != number ||
      last->config_modified != found.config_modified || last->config != found.config) {
    StoreLastOpened(store, options, {opened.id, number, found.config_modified, found.config}, context.random);
  }
  return repository;
}

Result<void> Repository::NeedWrite(uint32_t right, std::string_view to_do_what) const {
  RETURN_IF_ERROR(keyring_.Need(right, to_do_what));
  return NeedCurrentConfig(to_do_what);
}

Result<void> Repository::NeedCurrentConfig(std::string_view to_do_what) const {
  if (stale_config_) {
    return MakeError(ErrorCode::kForged, "{} shows an older config than this machine has seen: refusing {}",
                     store_.description(), to_do_what);
  }
  if (keyring_.read_only()) {
    return MakeError(ErrorCode::kUnsupported,
                     "the repository has a feature that this version of cairn may only read: refusing {}", to_do_what);
  }
  return {};
}

Result<void> Repository::NeedFreshPassword(ByteSpan password, const std::optional<SlotId>& own) const {
  ASSIGN_OR_RETURN(const std::vector<KeyId> keys, ListKeyObjects(store_));
  for (const KeyId& id : keys) {
    const auto slot = OpenKey(store_, id, password);
    if (!slot || slot->slot == own) continue;  // what does not open with it, damaged or not, does not share it
    const Certificate* other = keyring_.FindCertificate(slot->slot);
    if (other == nullptr || other->revoked) continue;
    return MakeError(ErrorCode::kInvalidArgument,
                     "key {} has this password already; a password stands for one key: choose another",
                     slot->slot.ToHex());
  }
  return {};
}

Result<void> Repository::NeedHost(ByteSpan host) const {
  const Certificate* own = keyring_.FindCertificate(keyring_.slot());
  CHECK(own != nullptr);
  if (fnmatch(own->host_pattern.c_str(), ToString(host).c_str(), 0) == 0) return {};
  return MakeError(ErrorCode::kInvalidArgument,
                   "this key may back up hosts \"{}\", and this is host \"{}\": use another key, or name the host "
                   "(--host) that it is for",
                   own->host_pattern, ToString(host));
}

Result<std::unique_ptr<Index>> Repository::OpenIndex(const JobContext& context, bool goes_on) const {
  return Index::Open({.folder = cache_->IndexFolder(),
                      .repository = keyring_.repository(),
                      .memory_bytes = context.limits.memory_bytes / 8,
                      .goes_on = goes_on});
}

Result<std::unique_ptr<Index>> Repository::LoadIndex(const JobContext& context, const BadSegment& bad_segment) const {
  // A listing that the store made ahead may be older than the copy: what another process of this machine has taken in
  // since then leaves it again, and is fetched by who needs it.
  ASSIGN_OR_RETURN(auto index, OpenIndex(context, bad_segment != nullptr));
  RETURN_IF_ERROR(SyncIndex(*index, context, bad_segment));
  return index;
}

namespace {

Result<IndexSegment> OpenSegment(const Repository& repository, const SegmentId& segment, const Bytes& object) {
  const std::string what = SegmentName(segment).text();
  ASSIGN_OR_RETURN(const OpenedObject opened,
                   repository.sealer().Open(object, ObjectKind::kSegment, ToRawId(segment), what));
  ASSIGN_OR_RETURN(IndexSegment parsed, IndexSegment::Parse(opened.body).While(what));
  const Certificate* signer = repository.keyring().FindCertificate(opened.slot);
  if (parsed.NeedsMaintainRight() && (signer == nullptr || !signer->rights.Has(Rights::kMaintain))) {
    return MakeError(ErrorCode::kForged, "{} takes entries out of the index, but slot {} may not", what,
                     opened.slot.ToHex());
  }
  return parsed;
}

// What this machine has put it has; where that does not open, the store is asked.
Result<IndexSegment> LoadOwnOrStored(const Repository& repository, const Random& random, const SegmentId& segment) {
  auto own = OwnObjectsOf(repository, random);
  const auto object = own ? own->Take(SegmentName(segment)) : std::nullopt;
  if (object) {
    auto opened = OpenSegment(repository, segment, *object);
    if (opened) return opened;
  }
  return repository.LoadSegment(segment);
}

}  // namespace

Result<IndexSegment> Repository::LoadSegment(const SegmentId& segment) const {
  ASSIGN_OR_RETURN(const Bytes object,
                   store_.Get(SegmentName(segment), limits::kSegmentBytesMax + ObjectHeader::kSize));
  return OpenSegment(*this, segment, object);
}

Result<void> Repository::SyncIndex(Index& index, const JobContext& context, const BadSegment& bad_segment) const {
  Protocol protocol(const_cast<Repository&>(*this), context);
  const std::lock_guard lock(index.listing_mutex());  // several readers of one index may each find it to be old
  // A merge that runs beside us takes listed segments away; so many in a row are no accident.
  constexpr int kTriesMax = 20;
  constexpr auto kPause = std::chrono::milliseconds(10);  // longer each time
  std::set<SegmentId> bad;
  for (int tries = 0; tries < kTriesMax;) {
    ASSIGN_OR_RETURN(std::vector<SegmentId> listed, protocol.ListSegments());
    std::erase_if(listed, [&](const SegmentId& id) { return bad.contains(id); });
    std::optional<SegmentId> failed;
    auto synced = index.Sync(
        std::move(listed),
        [&](const SegmentId& id) {
          auto segment = LoadOwnOrStored(*this, context.random, id);
          if (!segment && segment.error().code() != ErrorCode::kNotFound) failed = id;
          return segment;
        },
        context);
    if (synced) return {};
    const ErrorCode code = synced.error().code();
    const bool unusable = code == ErrorCode::kCorrupt || code == ErrorCode::kForged || code == ErrorCode::kUnsupported;
    if (failed && unusable && bad_segment) {
      bad_segment(*failed, synced.error());
      bad.insert(*failed);  // and once more without it: what was loaded before stays loaded
      continue;
    }
    if (failed && code == ErrorCode::kUnsupported) {
      return std::move(synced).While("the index cannot be read whole by this version of cairn: upgrade cairn");
    }
    if (failed && unusable) {
      return std::move(synced).While("the index cannot be trusted (cairn repair index mends it)");
    }
    if (code != ErrorCode::kBusy) return synced;
    if (!context.clock.Sleep(++tries * kPause, context.stop)) return Error(ErrorCode::kInterrupted, "interrupted");
  }
  return MakeError(ErrorCode::kBusy, "the index of {} changed each of {} times that it was read", store_.description(),
                   kTriesMax);
}

}  // namespace cairn
