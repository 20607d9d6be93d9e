#include "engine/crypto/session_keys.h"

#include "engine/crypto/hpke.h"
#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

constexpr size_t kKeptMax = 10'000;

Bytes Info(std::string_view label, const FamilyId& family, uint32_t epoch, const SessionId& session, BlobKind kind) {
  WireWriter writer;
  writer.Raw(AsBytes(label));
  writer.Put(family);
  writer.U32(epoch);
  writer.Put(session);
  writer.U8(static_cast<uint8_t>(kind));
  return std::move(writer).Take();
}

Secret32 MixIn(ByteSpan secret, const EpochKeys& epoch, const FamilyId& family, const SessionId& session,
               BlobKind kind) {
  return Hkdf(secret, epoch.preshared.bytes(), {Info("cairn session key 1", family, epoch.epoch, session, kind)});
}

}  // namespace

SessionKeys SessionKeys::New(const Keyring& keyring, const SessionId& session, const Random& random) {
  const EpochKeys& epoch = keyring.newest_epoch();
  const FamilyId& family = keyring.family();
  const Secret32 content = Secret32::Random(random);
  const Secret32 metadata = Secret32::Random(random);
  const auto info = [&](BlobKind kind) { return Info("cairn session 1", family, epoch.epoch, session, kind); };
  return {session,
          epoch.epoch,
          keyring.sealed_part().suite,
          MixIn(content.bytes(), epoch, family, session, BlobKind::kData),
          MixIn(metadata.bytes(), epoch, family, session, BlobKind::kMetadata),
          HpkeSeal(epoch.content_public, info(BlobKind::kData), content.bytes(), random),
          HpkeSeal(epoch.metadata_public, info(BlobKind::kMetadata), metadata.bytes(), random)};
}

Result<std::shared_ptr<const Secret32>> SessionKeyCache::Get(const SessionId& session, uint32_t epoch, BlobKind kind,
                                                             const Envelope& envelope) {
  const Bytes info = Info("cairn session 1", keyring_.family(), epoch, session, kind);
  const std::array<uint8_t, 2> kem = {static_cast<uint8_t>(envelope.kem), static_cast<uint8_t>(envelope.kem >> 8)};
  const Digest name = Sha256({info, kem, envelope.sealed});
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = keys_.find(name); found != keys_.end()) return found->second;
  }
  ASSIGN_OR_RETURN(const EpochKeys* keys, keyring_.epoch(epoch));
  const auto& secret_key = kind == BlobKind::kData ? keys->content_secret : keys->metadata_secret;
  if (!secret_key) {
    return MakeError(ErrorCode::kNoRight, "this key's role ({}) may not open {} of epoch {}",
                     RoleName(keyring_.rights()), Name(kind), epoch);
  }
  ASSIGN_OR_RETURN(Bytes secret, HpkeOpen(*secret_key, info, envelope)
                                     .While(fmt::format("the {} secret of session {}", Name(kind), session.ToHex())));
  const WipeGuard wipe(secret);
  if (secret.size() != Secret32::kSize) {
    return Corrupt("the {} secret of session {} has {} bytes", Name(kind), session.ToHex(), secret.size());
  }
  auto key = std::make_shared<const Secret32>(MixIn(secret, *keys, keyring_.family(), session, kind));
  const std::lock_guard lock(mutex_);
  if (keys_.size() >= kKeptMax) keys_.clear();
  keys_.emplace(name, key);
  return key;
}

}  // namespace cairn
