#include "engine/repo/repository.h"

#include <fnmatch.h>

#include <algorithm>
#include <optional>
#include <set>

#include "engine/env/run_both.h"
#include "engine/repo/protocol.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

Result<uint64_t> NewestConfig(ObjectStore& store) {
  uint64_t newest = 0;
  RETURN_IF_ERROR(store.List(kConfigPrefix, [&](const ObjectInfo& info) -> Result<void> {
    const ParsedName parsed = ParseObjectName(info.name.text());
    if (parsed.kind == ParsedName::Kind::kConfig) newest = std::max(newest, parsed.number);
    return {};
  }));
  if (newest == 0) {
    return MakeError(ErrorCode::kNotFound, "there is no repository at {}: it holds no config (cairn init makes one)",
                     store.description());
  }
  return newest;
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

Result<SlotKeys> OpenKey(ObjectStore& store, const KeyId& id, ByteSpan password) {
  ASSIGN_OR_RETURN(const Bytes object, store.Get(KeyName(id), limits::kKeyObjectBytesMax));
  ASSIGN_OR_RETURN(KeyObjectSecrets secrets, OpenKeyObject(object, id, password));
  return SlotKeys::From(std::move(secrets));
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
Result<OpenedKey> TryKeys(ObjectStore& store, ByteSpan password, const std::optional<KeyId>& hint,
                          const FoundRepository& found, Log& log) {
  std::vector<KeyId> keys = found.keys;
  if (hint) std::ranges::sort(keys, {}, [&](const KeyId& id) { return std::pair(id != *hint, id); });
  if (keys.size() > limits::kKeyObjectsTried) {
    log.Warning("{} holds {} key objects: {} of them are tried", store.description(), keys.size(),
                limits::kKeyObjectsTried);
    keys.resize(limits::kKeyObjectsTried);
  }
  std::optional<Error> broken, untried, no_right;
  for (const KeyId& id : keys) {
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
  ASSIGN_OR_RETURN(const bool first, store.PutIfAbsent(ConfigName(1), made.config_object));
  if (!first) {
    IgnoreError(store.Remove(KeyName(key)), "our own key object, which opens nothing here");
    return MakeError(ErrorCode::kAlreadyExists, "somebody else has just made a repository at {}", store.description());
  }
  return keyring.repository();
}

Result<FoundRepository> Repository::Find(ObjectStore& store) {
  FoundRepository found;
  const auto config = [&]() -> Result<void> {
    ASSIGN_OR_RETURN(found.config_number, NewestConfig(store));
    ASSIGN_OR_RETURN(found.config, store.Get(ConfigName(found.config_number), limits::kConfigBytesMax));
    return {};
  };
  auto [of_config, keys] = RunBoth(store.is_far(), config, [&] { return ListKeyObjects(store); });
  RETURN_IF_ERROR(of_config);
  ASSIGN_OR_RETURN(found.keys, std::move(keys));
  return found;
}

Result<std::unique_ptr<Repository>> Repository::Open(ObjectStore& store, ByteSpan password, const OpenOptions& options,
                                                     const JobContext& context) {
  ASSIGN_OR_RETURN(const FoundRepository found, Find(store));
  return Open(store, found, password, options, context);
}

Result<std::unique_ptr<Repository>> Repository::Open(ObjectStore& store, const FoundRepository& found,
                                                     ByteSpan password, const OpenOptions& options,
                                                     const JobContext& context) {
  const uint64_t number = found.config_number;
  ASSIGN_OR_RETURN(const ObjectHeader header, ObjectHeader::Parse(found.config).While(ConfigName(number).text()));
  RETURN_IF_ERROR(MakeFolders(*options.files, options.cache_root).While("making the cache folder"));

  // Which key opened last is remembered by family, for the repository's id is known only after opening.
  const std::string hint_path = options.cache_root + "/key-of-" + header.family.ToHex();
  std::optional<KeyId> hint;
  if (auto bytes = options.files->ReadFile(hint_path); bytes && bytes->size() == KeyId::kSize) {
    hint = KeyId::FromBytes(*bytes);
  }
  ASSIGN_OR_RETURN(OpenedKey opened, TryKeys(store, password, hint, found, context.log));
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
  if (hint != opened.id) {
    IgnoreError(options.files->Remove(hint_path), "advisory");
    IgnoreError(options.files->WriteNewFile(hint_path, opened.id.bytes()), "advisory");
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

Result<std::unique_ptr<Index>> Repository::LoadIndex(const JobContext& context, const BadSegment& bad_segment) const {
  ASSIGN_OR_RETURN(auto index, Index::Open({.folder = cache_->IndexFolder(),
                                            .repository = keyring_.repository(),
                                            .memory_bytes = context.limits.memory_bytes / 8,
                                            .goes_on = bad_segment != nullptr}));
  RETURN_IF_ERROR(SyncIndex(*index, context, bad_segment));
  return index;
}

Result<IndexSegment> Repository::LoadSegment(const SegmentId& segment) const {
  const std::string what = SegmentName(segment).text();
  ASSIGN_OR_RETURN(const Bytes object,
                   store_.Get(SegmentName(segment), limits::kSegmentBytesMax + ObjectHeader::kSize));
  ASSIGN_OR_RETURN(const OpenedObject opened, sealer_.Open(object, ObjectKind::kSegment, ToRawId(segment), what));
  ASSIGN_OR_RETURN(IndexSegment parsed, IndexSegment::Parse(opened.body).While(what));
  const Certificate* signer = keyring_.FindCertificate(opened.slot);
  if (parsed.NeedsMaintainRight() && (signer == nullptr || !signer->rights.Has(Rights::kMaintain))) {
    return MakeError(ErrorCode::kForged, "{} takes entries out of the index, but slot {} may not", what,
                     opened.slot.ToHex());
  }
  return parsed;
}

Result<void> Repository::SyncIndex(Index& index, const JobContext& context, const BadSegment& bad_segment) const {
  Protocol protocol(const_cast<Repository&>(*this), context);
  constexpr int kTriesMax = 10;  // a merge that runs beside us takes listed segments away; ten in a row is no accident
  std::set<SegmentId> bad;
  for (int tries = 0; tries < kTriesMax;) {
    ASSIGN_OR_RETURN(std::vector<SegmentId> listed, protocol.ListSegments());
    std::erase_if(listed, [&](const SegmentId& id) { return bad.contains(id); });
    std::optional<SegmentId> failed;
    auto synced = index.Sync(
        std::move(listed),
        [&](const SegmentId& id) {
          auto segment = LoadSegment(id);
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
    ++tries;
  }
  return MakeError(ErrorCode::kBusy, "the index of {} changed each of {} times that it was read", store_.description(),
                   kTriesMax);
}

}  // namespace cairn
