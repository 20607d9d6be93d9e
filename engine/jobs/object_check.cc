#include "engine/jobs/object_check.h"

#include <algorithm>
#include <map>

#include "engine/crypto/config_seal.h"
#include "engine/crypto/hash.h"
#include "engine/env/object_finding.h"
#include "engine/repo/protocol.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

using Severity = Finding::Severity;

class ObjectCheck {
 public:
  ObjectCheck(const JobContext& context, Repository& repository, const FindingSink& findings)
      : context_(context), repository_(repository), findings_(findings) {}

  Result<ObjectCounts> Run() {
    RETURN_IF_ERROR(ListNames());
    RETURN_IF_ERROR(CheckConfigs());
    for (const KeyId& key : keys_) RETURN_IF_ERROR(CheckKey(key));
    RETURN_IF_ERROR(CompareKeysWithSlots());
    Protocol protocol(repository_, context_, findings_);
    ASSIGN_OR_RETURN(const auto segments, protocol.ListSegments());
    for (const SegmentId& id : segments) {
      if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while checking");
      ++counts_.segments;
      auto segment = repository_.LoadSegment(id);
      if (segment || segment.error().code() == ErrorCode::kNotFound) continue;
      if (EndsJob(segment.error().code())) return std::move(segment).error();
      Tell(segment.error(), SegmentName(id).text());
    }
    ASSIGN_OR_RETURN(counts_.sessions, CountOf(protocol.ListSessions(), kSessionPrefix));
    ASSIGN_OR_RETURN(counts_.tombstones, CountOf(protocol.ListTombstones(), kTombstonePrefix));
    RETURN_IF_ERROR(CountOf(protocol.ListSeenLists(), kTombstonePrefix));
    return counts_;
  }

 private:
  Result<void> ListNames() {
    const auto stranger = [&](const std::string& name) -> Result<void> {
      findings_({Severity::kWarning, ErrorCode::kUnsupported, name, "it is no object of cairn; it is left alone"});
      return {};
    };
    return repository_.store().List(
        "",
        [&](const ObjectInfo& info) -> Result<void> {
          const ParsedName parsed = ParseObjectName(info.name.text());
          switch (parsed.kind) {
            case ParsedName::Kind::kConfig:
              configs_[parsed.number] = info.size;
              break;
            case ParsedName::Kind::kKey:
              keys_.push_back(parsed.key);
              break;
            case ParsedName::Kind::kUnknown:
              return stranger(info.name.text());
            default:
              break;
          }
          return {};
        },
        stranger);
  }

  // One that cannot be read ends the list, and not the check.
  template <class T>
  Result<uint64_t> CountOf(const Result<std::vector<T>>& listed, std::string_view prefix) {
    if (listed) return listed->size();
    if (EndsJob(listed.error().code())) return listed.error();
    Tell(listed.error(), std::string(prefix));
    return uint64_t{0};
  }

  void Tell(const Error& error, const std::string& object) {
    findings_({DamageOrUnread(error), error.code(), object, error.message()});
  }

  // The chain from config/1 on: each signed by the root, each holding the hash of the one before.
  Result<void> CheckConfigs() {
    if (repository_.stale_config()) TellStale();
    const PublicKey& root = repository_.keyring().slot_keys().root_public;
    std::optional<Digest> previous = Digest();
    for (uint64_t number = 1; number <= repository_.keyring().config_number(); ++number) {
      const std::string what = ConfigName(number).text();
      ++counts_.configs;
      auto object = repository_.store().Get(ConfigName(number), limits::kConfigBytesMax);
      if (!object) {
        if (EndsJob(object.error().code())) return std::move(object).error();
        Tell(object.error(), what);
        previous.reset();
        continue;
      }
      auto checked = CheckConfig(*object, number, root, previous, what);
      if (!checked) Tell(checked.error(), what);
      previous = checked ? std::optional<Digest>(Sha256(*object)) : std::nullopt;
    }
    return {};
  }

  // What this machine has seen of a later time and the store does not show: it serves an older state, or has lost it.
  void TellStale() {
    const LocalCache::Remembered seen = repository_.cache().Load();
    Tell(MakeError(ErrorCode::kForged,
                   "the store shows config/{} ({}) as its newest, and this machine has seen config/{} ({}): an older "
                   "state is shown, or the newest config is lost; nothing is written until it is back (from a copy of "
                   "the repository)",
                   repository_.keyring().config_number(), repository_.keyring().config_digest().Short(),
                   seen.config_number, seen.config_digest.Short()),
         ConfigName(seen.config_number).text());
  }

  // Where the one before is damaged, the hash of it cannot be compared: that damage was told already.
  static Result<void> CheckConfig(ByteSpan object, uint64_t number, const PublicKey& root,
                                  const std::optional<Digest>& previous, const std::string& what) {
    ASSIGN_OR_RETURN(const ConfigPieces pieces, OpenConfigPieces(object, number, root, what));
    ASSIGN_OR_RETURN(const ConfigPublicPart part, ConfigPublicPart::Parse(pieces.body.public_part).While(what));
    if (previous && part.previous != *previous) {
      return MakeError(ErrorCode::kForged, "{}: it follows a config with SHA-256 {}, but config/{} has {}", what,
                       part.previous.ToHex(), number - 1, previous->ToHex());
    }
    return {};
  }

  // Which key object is whose, only its password tells. Those of removed slots stay, so that enough are no proof; too
  // few are one.
  Result<void> CompareKeysWithSlots() {
    const auto& certificates = repository_.keyring().certificates();
    const auto slots = static_cast<size_t>(std::ranges::count(certificates, false, &Certificate::revoked));
    if (keys_.size() >= slots) return {};
    size_t keys = 0;  // anew: a change of a password beside this check puts one and takes one away
    RETURN_IF_ERROR(repository_.store().List(kKeyPrefix, [&](const ObjectInfo& info) -> Result<void> {
      keys += ParseObjectName(info.name.text()).kind == ParsedName::Kind::kKey ? 1 : 0;
      return {};
    }));
    if (keys >= slots) return {};
    findings_(
        {Severity::kWarning, ErrorCode::kNotFound, std::string(kKeyPrefix),
         fmt::format("{} keys may open this repository, and there are {} key objects: the password of at least {} "
                     "opens nothing; whose, they find out by trying it (cairn key add makes a new key, cairn key "
                     "remove takes the old one away)",
                     slots, keys, slots - keys)});
    return {};
  }

  // What its password alone opens is verified for the key that opened the repository, and for no other.
  Result<void> CheckKey(const KeyId& key) {
    ++counts_.keys;
    if (key == repository_.opened_with()) ++counts_.keys_opened;
    const std::string what = KeyName(key).text();
    auto object = repository_.store().Get(KeyName(key), limits::kKeyObjectBytesMax);
    if (!object && EndsJob(object.error().code())) return std::move(object).error();
    auto header = object ? ObjectHeader::Parse(*object) : Result<ObjectHeader>(object.error());
    Result<void> good;
    if (!header) {
      good = header.error();
    } else if (header->kind != ObjectKind::kKeyObject || header->name != ToRawId(key)) {
      good = MakeError(ErrorCode::kForged, "{}: under this name stands a {} of another name", what, Name(header->kind));
    } else if (header->family != repository_.keyring().family()) {
      good = MakeError(ErrorCode::kForged, "{}: it is of another key family", what);
    } else if (object->size() - ObjectHeader::kSize != header->body_length) {
      good = Corrupt("{}: its body has {} bytes, its header says {}", what, object->size() - ObjectHeader::kSize,
                     header->body_length);
    } else {
      auto body = KeyObjectBody::Parse(ByteSpan(*object).subspan(ObjectHeader::kSize));
      if (!body) good = body.error();
    }
    if (!good) Tell(good.error(), what);
    return {};
  }

  const JobContext& context_;
  Repository& repository_;
  const FindingSink& findings_;
  ObjectCounts counts_;
  std::map<uint64_t, uint64_t> configs_;
  std::vector<KeyId> keys_;
};

}  // namespace

Result<ObjectCounts> CheckObjects(const JobContext& context, Repository& repository, const FindingSink& findings) {
  return ObjectCheck(context, repository, findings).Run();
}

}  // namespace cairn
