// The seals of a config, for who opens and for who makes one. SPEC sections 5.5, 7.1.
#pragma once

#include "engine/crypto/secret.h"
#include "repo-format/config_object.h"
#include "repo-format/object_header.h"

namespace cairn {

// A config whose root signature was verified.
struct ConfigPieces {
  ObjectHeader header;
  ConfigBody body;
};

// kForged where the root's signature is wrong; kCorrupt, kUnsupported as of SPEC 6.1.
Result<ConfigPieces> OpenConfigPieces(ByteSpan object, uint64_t number, const PublicKey& root, std::string_view what);
Result<Bytes> OpenConfigSealedPart(const ConfigPieces& pieces, const Secret32& index_key, std::string_view what);
// A whole config object.
Bytes SealConfig(ObjectHeader header, const ConfigPublicPart& public_part, const ConfigSealedPart& sealed_part,
                 const Secret32& index_key, const Secret32& root_seed);
// info of a slot's envelope.
Bytes SlotEnvelopeInfo(const FamilyId& family, const SlotId& slot);
// The name of config/<n> in its header.
RawId ConfigRawName(uint64_t number);

}  // namespace cairn
