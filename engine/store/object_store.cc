#include "engine/store/object_store.h"

#include <algorithm>

#include "repo-format/base/check.h"

namespace cairn {
namespace {

class MemoryDraft final : public ObjectDraft {
 public:
  MemoryDraft(ObjectStore& store, uint64_t bytes_expected) : store_(store) { object_.reserve(bytes_expected); }

  Result<void> Append(ByteSpan bytes) override {
    cairn::Append(object_, bytes);
    return {};
  }
  Result<void> WriteStart(ByteSpan bytes) override {
    CHECK(bytes.size() <= object_.size());
    std::copy(bytes.begin(), bytes.end(), object_.begin());
    return {};
  }
  Result<void> ForEachPiece(const Piece& each) override { return each(object_); }
  Result<ByteSpan> Whole(Bytes&) override { return ByteSpan(object_); }
  Result<void> Put(const ObjectName& name) override { return store_.Put(name, object_); }

 private:
  ObjectStore& store_;
  Bytes object_;
};

}  // namespace

Result<std::unique_ptr<ObjectDraft>> ObjectStore::NewDraft(uint64_t bytes_expected) {
  return std::unique_ptr<ObjectDraft>(std::make_unique<MemoryDraft>(*this, bytes_expected));
}

}  // namespace cairn
