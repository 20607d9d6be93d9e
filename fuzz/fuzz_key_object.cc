// A key object as a store shows it, what it holds once it is open, and what a slot's envelope holds. The first byte
// says which.
#include <cstddef>
#include <cstdint>

#include "engine/crypto/hpke.h"
#include "engine/crypto/password.h"

namespace cairn {
namespace {

// The KDF may ask for 4 GiB and 64 passes; that the limits are kept is a test, here it would only be slow.
bool IsCheap(ByteSpan object) {
  if (object.size() < ObjectHeader::kSize) return true;
  const auto body = KeyObjectBody::Parse(object.subspan(ObjectHeader::kSize));
  return !body || (body->memory_kib <= 8'192 && body->passes == 1);
}

void OpenWhole(ByteSpan object) {
  const auto header = ObjectHeader::Parse(object);
  if (!header || !IsCheap(object)) return;
  IgnoreError(OpenKeyObject(object, KeyId(header->name), AsBytes("secret")), "anything but a crash is right");
}

// What was parsed is written in one form, and that form is parsed to the same.
template <class T>
void CheckOneForm(ByteSpan bytes) {
  const auto parsed = T::Parse(bytes);
  if (!parsed) return;
  const Bytes once = parsed->Encode();
  const auto again = T::Parse(once);
  CHECK(again.has_value());
  CHECK(again->Encode() == once);
}

void OpenEnvelope(ByteSpan sealed) {
  static const Secret32 secret(std::array<uint8_t, 32>{1});
  IgnoreError(HpkeOpen(secret, AsBytes("info"), {.sealed = ToBytes(sealed)}), "anything but a crash is right");
}

void Run(ByteSpan input) {
  if (input.empty()) return;
  const ByteSpan rest = input.subspan(1);
  switch (input[0] % 5) {
    case 0:
      OpenWhole(rest);
      break;
    case 1:
      CheckOneForm<KeyObjectBody>(rest);
      break;
    case 2:
      CheckOneForm<KeyObjectSecrets>(rest);
      break;
    case 3:
      CheckOneForm<SlotSecrets>(rest);
      break;
    default:
      OpenEnvelope(rest);
      break;
  }
}

}  // namespace
}  // namespace cairn

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cairn::Run({data, size});
  return 0;
}
