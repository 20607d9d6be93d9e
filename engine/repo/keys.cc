// Slots: list, add, change of password, removal; what else an owner changes of the config. Declared in repository.h.
#include <algorithm>

#include "engine/repo/other_writer.h"
#include "engine/repo/protocol.h"
#include "engine/repo/repository.h"
#include "engine/repo/snapshot_store.h"

namespace cairn {
namespace {

KeyObjectSecrets SecretsOf(const SlotKeys& slot, uint64_t config_min, const std::string& label) {
  KeyObjectSecrets secrets;
  secrets.slot = slot.slot;
  std::ranges::copy(slot.x25519_secret.bytes(), secrets.x25519_secret.begin());
  std::ranges::copy(slot.ed25519_seed.bytes(), secrets.ed25519_seed.begin());
  secrets.root_public = slot.root_public;
  secrets.config_min = config_min;
  secrets.label = label;
  return secrets;
}

Result<KeyId> PutKey(Repository& repository, const SlotKeys& slot, uint64_t config_min, const std::string& label,
                     ByteSpan password, const PasswordCost& cost, const JobContext& context) {
  KeyObjectSecrets secrets = SecretsOf(slot, config_min, label);
  const WipeGuard wipe_x(secrets.x25519_secret);
  const WipeGuard wipe_e(secrets.ed25519_seed);
  const auto id = context.random.NewId<KeyId>();
  ASSIGN_OR_RETURN(const Bytes object,
                   SealKeyObject(repository.keyring().family(), id, password, secrets, cost, context.random));
  Protocol protocol(repository, context);
  RETURN_IF_ERROR(protocol.PutKeyObject(id, object));
  return id;
}

Result<void> PutNextConfig(Repository& repository, ByteSpan object, const JobContext& context) {
  Protocol protocol(repository, context);
  const uint64_t next = repository.keyring().config_number() + 1;
  ASSIGN_OR_RETURN(const bool first, protocol.PutConfig(next, object));
  if (first) {
    // From now on an older one is an older state.
    LocalCache::Remembered remembered = repository.cache().Load();
    remembered.config_number = next;
    remembered.config_digest = Sha256(object);
    IgnoreError(repository.cache().Store(remembered), "advisory");
    return {};
  }
  return MakeError(ErrorCode::kBusy, "another owner has put config {} meanwhile; run it again", next);
}

// Configs have no session that others could see; two that change one at the same time the number tells apart.
Result<void> NeedToBeAlone(Repository& repository, const JobContext& context) {
  Protocol protocol(repository, context);
  return NeedNoOtherWriter(repository, context, protocol, std::nullopt);
}

}  // namespace

std::vector<KeyInfo> ListKeys(const Repository& repository) {
  std::vector<KeyInfo> keys;
  for (const Certificate& certificate : repository.keyring().certificates()) {
    keys.push_back({certificate, certificate.slot == repository.keyring().slot()});
  }
  return keys;
}

Result<SlotId> AddKey(Repository& repository, const NewSlot& slot, ByteSpan password, const PasswordCost& cost,
                      const JobContext& context) {
  RETURN_IF_ERROR(repository.NeedWrite(Rights::kOwn, "adding a key"));
  RETURN_IF_ERROR(NeedToBeAlone(repository, context));
  RETURN_IF_ERROR(repository.NeedFreshPassword(password, std::nullopt));
  ASSIGN_OR_RETURN(const ConfigWithSlot made,
                   MakeConfigWithSlot(repository.keyring(), slot, context.random, context.clock));
  // The key object first: it opens nothing until the config names its slot, and a config that names a slot nobody can
  // open would be the worse rest of a crash.
  ASSIGN_OR_RETURN(const KeyId key, PutKey(repository, made.slot, repository.keyring().config_number() + 1, slot.label,
                                           password, cost, context));
  auto put = PutNextConfig(repository, made.config_object, context);
  if (!put) {
    IgnoreError(Protocol(repository, context).RemoveKeyObject(key), "our own, which opens nothing");
    return std::move(put).error();
  }
  return made.slot.slot;
}

Result<KeyId> ChangePassword(Repository& repository, ByteSpan password, const PasswordCost& cost,
                             const JobContext& context) {
  RETURN_IF_ERROR(repository.NeedCurrentConfig("changing the password"));
  RETURN_IF_ERROR(NeedToBeAlone(repository, context));
  const SlotKeys& slot = repository.keyring().slot_keys();
  RETURN_IF_ERROR(repository.NeedFreshPassword(password, slot.slot));
  ASSIGN_OR_RETURN(const KeyId key, PutKey(repository, slot, slot.config_min, slot.label, password, cost, context));
  RETURN_IF_ERROR(Protocol(repository, context)
                      .RemoveKeyObject(repository.opened_with())
                      .While("the new password works, but the old one could not be taken away"));
  return key;
}

Result<void> KeepDeleted(Repository& repository, uint32_t seconds, const JobContext& context) {
  RETURN_IF_ERROR(repository.NeedWrite(Rights::kOwn, "changing the config"));
  RETURN_IF_ERROR(NeedToBeAlone(repository, context));
  ASSIGN_OR_RETURN(const Bytes object, MakeConfigThatKeeps(repository.keyring(), seconds, context.random));
  return PutNextConfig(repository, object, context);
}

Result<void> RemoveKey(Repository& repository, const SlotId& slot, const JobContext& context) {
  RETURN_IF_ERROR(repository.NeedWrite(Rights::kOwn, "removing a key"));
  RETURN_IF_ERROR(NeedToBeAlone(repository, context));
  if (repository.keyring().FindCertificate(slot) == nullptr) {
    return MakeError(ErrorCode::kNotFound, "there is no key {}", slot.ToHex());
  }
  ASSIGN_OR_RETURN(const SnapshotSet set, LoadSnapshots(repository, context, {}));
  // The certificate will say which was the key's last snapshot: one that is passed over here is refused for ever.
  for (const UnreadableObject& one : set.unreadable) {
    if (!one.name.text().starts_with(kSnapshotPrefix)) continue;
    const bool is_later = one.code == ErrorCode::kUnsupported;
    return MakeError(one.code, "{} cannot be read, and may be the last snapshot of key {}: the key stays ({})",
                     one.name.text(), slot.ToHex(),
                     is_later ? "it is of a later version: upgrade cairn"
                              : "cairn check tells what is wrong with it; cairn repair snapshots --forget sets broken "
                                "ones aside");
  }
  const uint64_t counter_max = HeadsOfSlot(set, slot).counter_next - 1;
  ASSIGN_OR_RETURN(const Bytes object, MakeConfigWithoutSlot(repository.keyring(), slot, counter_max, context.random));
  return PutNextConfig(repository, object, context);
}

}  // namespace cairn
