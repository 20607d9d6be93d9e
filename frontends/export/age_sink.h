// Encrypts in the format of age, version 1, for its X25519 recipients or a passphrase. https://c2sp.org/age
#pragma once

#include <memory>
#include <vector>

#include "engine/crypto/secret.h"
#include "engine/env/random.h"
#include "frontends/export/age_recipient.h"
#include "frontends/export/byte_sink.h"

namespace cairn::exports {

struct AgeOptions {
  std::vector<AgeRecipient> recipients;
  Bytes passphrase;    // in place of recipients; the caller wipes
  int cost_log2 = 18;  // of scrypt, for the passphrase: 18 takes 256 MiB and about a second, once
};

// Writes into `target`, which it borrows and does not finish. Nothing is a file of age before Finish: what is cut short
// fails to decrypt. Memory: 128 KiB, and scrypt's.
class AgeSink : public ByteSink {
 public:
  // The head is written. kInvalidArgument: neither or both of recipients and a passphrase, or a recipient that nobody
  // can have.
  static Result<std::unique_ptr<AgeSink>> Make(ByteSink& target, const AgeOptions& options, const Random& random);
  Result<void> Write(ByteSpan bytes) override;
  Result<void> Finish() override;

 private:
  AgeSink(ByteSink& target, Secret32 key) : target_(target), key_(std::move(key)) {}
  Result<void> Seal(bool is_last);

  ByteSink& target_;
  const Secret32 key_;  // of the payload
  uint64_t chunk_ = 0;  // number of the open one
  Bytes plain_, sealed_;
};

}  // namespace cairn::exports
