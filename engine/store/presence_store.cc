#include "engine/store/presence_store.h"

namespace cairn {
namespace {

// What may say more of the store than of the object.
bool IsDoubtful(ErrorCode code, const ObjectName* read) {
  if (code == ErrorCode::kIo || code == ErrorCode::kPermission) return true;
  return code == ErrorCode::kNotFound && read != nullptr &&
         ParseObjectName(read->text()).kind == ParsedName::Kind::kPack;
}

}  // namespace

template <class T>
Result<T> PresenceStore::Judged(Result<T> result, const ObjectName* read) {
  if (!result) return Judge(std::move(result).error(), read);
  if (is_away_) {
    const std::lock_guard lock(mutex_);
    away_.reset();
    is_away_ = false;
  }
  return result;
}

template <class T>
Result<T> PresenceStore::JudgedIfFailed(Result<T> result) {
  if (!result) return Judge(std::move(result).error(), nullptr);
  return result;
}

Error PresenceStore::Judge(Error error, const ObjectName* read) {
  if (!IsDoubtful(error.code(), read)) return error;
  std::optional<ObjectName> witness;
  {
    const std::lock_guard lock(mutex_);
    if (away_) return *away_;
    witness = witness_;
  }
  if (!witness) return error;
  const auto there = base().GetRange(*witness, 0, 1);
  if (there) return error;
  const Error& why = there.error();
  if (why.code() == ErrorCode::kInterrupted) return why;
  if (why.code() != ErrorCode::kNotFound && !IsDoubtful(why.code(), nullptr)) return error;
  const std::lock_guard lock(mutex_);
  if (!away_) {
    const Error& cause = error.code() == ErrorCode::kNotFound ? why : error;
    away_ = MakeError(ErrorCode::kStoreAway, "the store is away: {}", cause.message());
    is_away_ = true;
  }
  return *away_;
}

Result<void> PresenceStore::Put(const ObjectName& name, ByteSpan bytes) { return Judged(base().Put(name, bytes)); }

class PresenceStore::Draft final : public ObjectDraft {
 public:
  Draft(PresenceStore& store, std::unique_ptr<ObjectDraft> base) : store_(store), base_(std::move(base)) {}

  Result<void> Append(ByteSpan bytes) override { return store_.JudgedIfFailed(base_->Append(bytes)); }
  Result<void> WriteStart(ByteSpan bytes) override { return store_.JudgedIfFailed(base_->WriteStart(bytes)); }
  Result<void> ForEachPiece(const Piece& each) override {
    bool is_callers = false;  // the error: not of the store
    auto read = base_->ForEachPiece([&](ByteSpan piece) {
      auto told = each(piece);
      is_callers = !told;
      return told;
    });
    return is_callers ? read : store_.JudgedIfFailed(std::move(read));
  }
  Result<ByteSpan> Whole(Bytes& room) override { return store_.JudgedIfFailed(base_->Whole(room)); }
  Result<void> Put(const ObjectName& name) override { return store_.Judged(base_->Put(name)); }

 private:
  PresenceStore& store_;
  const std::unique_ptr<ObjectDraft> base_;
};

Result<std::unique_ptr<ObjectDraft>> PresenceStore::NewDraft(uint64_t bytes_expected) {
  ASSIGN_OR_RETURN(auto draft, JudgedIfFailed(base().NewDraft(bytes_expected)));
  return std::unique_ptr<ObjectDraft>(std::make_unique<Draft>(*this, std::move(draft)));
}

Result<bool> PresenceStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  return Judged(base().PutIfAbsent(name, bytes));
}

Result<Bytes> PresenceStore::Get(const ObjectName& name, uint64_t size_max) {
  return Judged(base().Get(name, size_max), &name);
}

Result<void> PresenceStore::GetInto(const ObjectName& name, uint64_t size_max, Bytes& bytes) {
  return Judged(base().GetInto(name, size_max, bytes), &name);
}

Result<Bytes> PresenceStore::GetRange(const ObjectName& name, uint64_t offset, uint64_t size) {
  return Judged(base().GetRange(name, offset, size), &name);
}

Result<void> PresenceStore::List(std::string_view prefix, const Each& each, const Stranger& stranger) {
  bool is_callers = false;  // the error: not of the store
  const auto told = [&](Result<void> result) {
    is_callers = is_callers || !result;
    return result;
  };
  const auto look = [&](const ObjectInfo& info) -> Result<void> {
    if (info.name.text().starts_with(kConfigPrefix)) {
      const std::lock_guard lock(mutex_);
      if (!witness_) witness_ = info.name;
    }
    return told(each(info));
  };
  const auto look_at_stranger = [&](const std::string& name) { return told(stranger(name)); };
  auto listed = base().List(prefix, look, stranger ? Stranger(look_at_stranger) : Stranger());
  return is_callers ? listed : Judged(std::move(listed));
}

Result<void> PresenceStore::Remove(const ObjectName& name) { return Judged(base().Remove(name)); }

Result<ObjectInfo> PresenceStore::Stat(const ObjectName& name) { return Judged(base().Stat(name), &name); }

}  // namespace cairn
