// A repository's owner, frames that look like sealed ones, and a store in memory that counts requests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "engine/crypto/config_maker.h"
#include "engine/pack/pack_assembler.h"
#include "engine/pack/pack_reader.h"
#include "engine/pack/pack_writer.h"
#include "repo-format/limits.h"

namespace cairn::pack_test {

// Repeats from run to run.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  void Fill(MutableByteSpan target) const override {
    const std::lock_guard lock(mutex_);
    for (uint8_t& byte : target) {
      state_ = state_ * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
      byte = static_cast<uint8_t>(state_ >> 56);
    }
  }

 private:
  mutable std::mutex mutex_;
  mutable uint64_t state_;
};

inline Keyring NewKeyring() {
  auto made = MakeRepository({}, SystemRandom(), SystemClock());
  CHECK(made.has_value());
  auto opened = Keyring::Open(std::move(made->owner), 1, made->config_object);
  CHECK(opened.has_value());
  return *std::move(opened);
}

class MemoryPacks final : public ObjectStore {
 public:
  Result<void> Put(const ObjectName& name, ByteSpan bytes) override {
    objects_[name] = ToBytes(bytes);
    return {};
  }
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override {
    return objects_.try_emplace(name, ToBytes(bytes)).second;
  }
  Result<Bytes> Get(const ObjectName& name, uint64_t) override { return GetRange(name, 0, objects_[name].size()); }
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override {
    ++requests_;
    const auto found = objects_.find(name);
    if (found == objects_.end()) return MakeError(ErrorCode::kNotFound, "no {}", name.text());
    const Bytes& object = found->second;
    if (offset > object.size() || size > object.size() - offset) return Corrupt("{} ends before", name.text());
    return ToBytes(ByteSpan(object).subspan(offset, size));
  }
  Result<void> List(std::string_view, const Each&, const Stranger&) override { return {}; }
  Result<void> Remove(const ObjectName& name) override {
    objects_.erase(name);
    return {};
  }
  Result<ObjectInfo> Stat(const ObjectName& name) override { return ObjectInfo{.name = name}; }
  std::string description() const override { return "memory"; }
  Result<std::unique_ptr<ObjectDraft>> NewDraft(uint64_t bytes_expected) override {
    if (draft_bytes_max_) return std::unique_ptr<ObjectDraft>(std::make_unique<FullDraft>(*draft_bytes_max_));
    ASSIGN_OR_RETURN(auto draft, ObjectStore::NewDraft(bytes_expected));
    if (!spoil_) return draft;
    return std::unique_ptr<ObjectDraft>(std::make_unique<SpoiledDraft>(std::move(draft), spoil_));
  }

  int requests_ = 0;
  std::optional<uint64_t> draft_bytes_max_;  // beyond, the disk is full
  // What a disk does to a draft: done to what is read back.
  using Spoil = std::function<void(Bytes&)>;
  Spoil spoil_;

 private:
  class FullDraft final : public ObjectDraft {
   public:
    explicit FullDraft(uint64_t bytes_max) : left_(bytes_max) {}
    Result<void> Append(ByteSpan bytes) override {
      if (bytes.size() > left_) return MakeError(ErrorCode::kNoSpace, "the disk is full, says the test");
      left_ -= bytes.size();
      return {};
    }
    Result<void> WriteStart(ByteSpan) override { return {}; }
    Result<void> ForEachPiece(const Piece&) override { return {}; }
    Result<ByteSpan> Whole(Bytes&) override { return ByteSpan(); }
    Result<void> Put(const ObjectName&) override {
      ADD_FAILURE() << "half a pack is put";
      return {};
    }

   private:
    uint64_t left_;
  };
  // Gives what comes back in small pieces.
  class SpoiledDraft final : public ObjectDraft {
   public:
    SpoiledDraft(std::unique_ptr<ObjectDraft> base, Spoil spoil) : base_(std::move(base)), spoil_(std::move(spoil)) {}
    Result<void> Append(ByteSpan bytes) override { return base_->Append(bytes); }
    Result<void> WriteStart(ByteSpan bytes) override { return base_->WriteStart(bytes); }
    Result<void> ForEachPiece(const Piece& each) override {
      Bytes room;
      ASSIGN_OR_RETURN(const ByteSpan whole, base_->Whole(room));
      Bytes spoiled = ToBytes(whole);
      spoil_(spoiled);
      for (size_t at = 0; at < spoiled.size(); at += 7) {
        RETURN_IF_ERROR(each(ByteSpan(spoiled).subspan(at, std::min<size_t>(7, spoiled.size() - at))));
      }
      return {};
    }
    Result<ByteSpan> Whole(Bytes& room) override { return base_->Whole(room); }
    Result<void> Put(const ObjectName& name) override { return base_->Put(name); }

   private:
    const std::unique_ptr<ObjectDraft> base_;
    const Spoil spoil_;
  };
  std::map<ObjectName, Bytes> objects_;
};

// A pack with its bytes beside it.
struct ReadPack : FinishedPack {
  explicit ReadPack(FinishedPack pack) : FinishedPack(std::move(pack)) {
    CHECK(draft
              ->ForEachPiece([&](ByteSpan piece) -> Result<void> {
                Append(object, piece);
                return {};
              })
              .has_value());
    CHECK(object.size() == size);
  }
  Bytes object;
};

class PackTest : public testing::Test {
 protected:
  struct Frame {
    FrameEntry entry;
    Bytes sealed;
  };
  // A frame with blobs of these numbers, `size` bytes when sealed.
  Frame MakeFrame(const std::vector<uint32_t>& blobs, size_t size = 100) {
    Frame frame{.sealed = Bytes(size)};
    random_.Fill(frame.sealed);
    for (const uint32_t n : blobs) {
      frame.entry.blobs.push_back({.id = IdOf(n), .length = 10 + n % 100});
      frame.entry.plain_length += 10 + n % 100;
    }
    frame.entry.sealed_length = static_cast<uint32_t>(size);
    frame.entry.check = CheckOfFrame(frame.sealed);
    return frame;
  }
  static BlobId IdOf(uint32_t n) {
    BlobId id;
    for (size_t i = 0; i < 4; ++i) id.mutable_bytes()[i] = static_cast<uint8_t>(n >> (8 * i));
    return id;
  }
  static PackSession SessionOf(uint8_t n) {
    PackSession session{.epoch = 1, .envelope = {.sealed = Bytes(80)}};
    session.session.mutable_bytes()[0] = n;
    std::fill(session.envelope.sealed.begin(), session.envelope.sealed.end(), n);
    return session;
  }
  void AddTo(PackWriter& writer, const Frame& frame, uint8_t session = 1) {
    ASSERT_TRUE(writer.AddFrame(SessionOf(session), frame.entry, frame.sealed));
  }
  PackWriter NewWriter(BlobKind kind = BlobKind::kData) { return PackWriter(kind, sealer_, random_, store_); }
  ReadPack Finish(PackWriter& writer, bool pad = false) {
    auto finished = writer.Finish(pad);
    CHECK(finished.has_value());
    return ReadPack(*std::move(finished));
  }
  // A pack of two frames and three blobs.
  ReadPack SmallPack(BlobKind kind = BlobKind::kData, bool pad = false) {
    PackWriter writer = NewWriter(kind);
    AddTo(writer, MakeFrame({1, 2}, 200));
    AddTo(writer, MakeFrame({3}, 300));
    return Finish(writer, pad);
  }
  void Put(const ReadPack& pack) { ASSERT_TRUE(store_.Put(PackObjectName(pack.kind, pack.name), pack.object)); }
  Result<OpenedDirectory> Read(const ReadPack& pack) {
    return ReadDirectory(store_, sealer_, pack.kind, pack.name, pack.object.size());
  }
  // The name that these bytes would have: what an attacker gives what he changed.
  static PackName NameOf(ByteSpan object) { return {.digest = Sha256(object)}; }

  SeededRandom random_{1};
  Keyring keyring_ = NewKeyring();
  ObjectSealer sealer_{keyring_, SystemRandom()};
  MemoryPacks store_;
};

}  // namespace cairn::pack_test
