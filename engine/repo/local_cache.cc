#include "engine/repo/local_cache.h"

#include <algorithm>

#include "engine/env/process_identity.h"
#include "repo-format/limits.h"
#include "repo-format/wire_reader.h"
#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

constexpr std::string_view kRememberedName = "remembered";
constexpr uint32_t kRememberedMagic = 0x316d6572;  // "rem1"

Bytes EncodeRemembered(const LocalCache::Remembered& value) {
  WireWriter writer;
  writer.U32(kRememberedMagic);
  writer.U64(value.config_number);
  writer.Put(value.config_digest);
  writer.Put(value.key.value_or(KeyId()));
  writer.V(value.snapshots.size());
  for (const auto& [id, digest] : value.snapshots) {
    writer.Put(id);
    writer.Put(digest);
  }
  writer.V(value.quiet.size());
  for (const auto& quiet : value.quiet) {
    writer.Put(quiet.session);
    writer.Put(quiet.signs);
    writer.U64(static_cast<uint64_t>(quiet.since));
  }
  writer.V(value.deleted.size());
  for (const auto& seen : value.deleted) {
    writer.Put(seen.object);
    writer.U64(static_cast<uint64_t>(seen.since));
  }
  return std::move(writer).Take();
}

std::optional<LocalCache::Remembered> DecodeRemembered(ByteSpan bytes) {
  WireReader reader(bytes, "remembered state");
  LocalCache::Remembered value;
  if (reader.U32() != kRememberedMagic) return std::nullopt;
  value.config_number = reader.U64();
  value.config_digest = reader.Get<Digest>();
  const KeyId key = reader.Get<KeyId>();
  if (!key.IsZero()) value.key = key;
  for (uint64_t n = reader.Count(48, UINT32_MAX); n > 0; --n) {
    const auto id = reader.Get<SnapshotId>();
    value.snapshots.emplace_back(id, reader.Get<Digest>());
  }
  for (uint64_t n = reader.Count(56, UINT32_MAX); n > 0; --n) {
    LocalCache::Remembered::QuietSession quiet;
    quiet.session = reader.Get<SessionId>();
    quiet.signs = reader.Get<Digest>();
    quiet.since = static_cast<int64_t>(reader.U64());
    value.quiet.push_back(quiet);
  }
  // Written since: an older file ends here.
  const uint64_t deleted_count = reader.remaining() > 0 ? reader.Count(40, UINT32_MAX) : 0;
  for (uint64_t n = deleted_count; n > 0; --n) {
    const auto object = reader.Get<Digest>();
    value.deleted.push_back({object, static_cast<int64_t>(reader.U64())});
  }
  if (!reader.Finish()) return std::nullopt;
  return value;
}

constexpr std::string_view kCacheTag =
    "Signature: 8a477f597d28d172789f06886806bc55\n# What cairn keeps here can be made anew.\n";

// The machine's id is made once; of two processes that make it at the same time one wins, and both read it.
Result<ObjectId> MachineId(FileSystem& files, const Random& random, const std::string& root) {
  const std::string path = root + "/machine-id";
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto bytes = files.ReadFile(path);
    if (bytes && bytes->size() == ObjectId::kSize) return ObjectId::FromBytes(*bytes);
    if (bytes) IgnoreError(files.Remove(path), "a damaged machine id is made anew");
    const auto fresh = random.NewId<ObjectId>();
    const std::string temporary = root + "/tmp-" + random.NewId<ObjectId>().ToHex();
    RETURN_IF_ERROR(files.WriteNewFile(temporary, fresh.bytes()));
    auto renamed = files.RenameNew(temporary, path);
    if (renamed) return fresh;
    IgnoreError(files.Remove(temporary), "left for nobody");
    if (renamed.error().code() != ErrorCode::kAlreadyExists) return std::move(renamed).error();
  }
  return MakeError(ErrorCode::kIo, "cache file {} can be neither read nor made", path);
}

}  // namespace

Result<std::unique_ptr<LocalCache>> LocalCache::Open(FileSystem& files, const Random& random, const std::string& root,
                                                     const RepositoryId& repository) {
  const std::string folder = root + "/" + repository.ToHex();
  RETURN_IF_ERROR(MakeFolders(files, folder + "/running").While("making the local cache"));
  ASSIGN_OR_RETURN(const ObjectId machine, MachineId(files, random, root));
  // Other programs that make backups leave folders with it out (bford.info/cachedir).
  // Not in the root: it may be a folder that holds more than caches.
  IgnoreError(files.WriteNewFile(folder + "/CACHEDIR.TAG", AsBytes(kCacheTag)), "there already, or for lack of room");
  return std::unique_ptr<LocalCache>(new LocalCache(files, random, folder, machine));
}

LocalCache::Remembered LocalCache::Load() const {
  auto bytes = files_.ReadFile(folder_ + "/" + std::string(kRememberedName));
  if (!bytes) return {};
  return DecodeRemembered(*bytes).value_or(Remembered{});
}

Result<void> LocalCache::Store(const Remembered& remembered) {
  // Another process may have seen a newer config meanwhile: what this machine has seen never becomes less.
  const Remembered now = Load();
  if (now.config_number > remembered.config_number) {
    Remembered merged = remembered;
    merged.config_number = now.config_number;
    merged.config_digest = now.config_digest;
    return WriteFile(std::string(kRememberedName), EncodeRemembered(merged));
  }
  return WriteFile(std::string(kRememberedName), EncodeRemembered(remembered));
}

Result<std::optional<Bytes>> LocalCache::ReadFile(const std::string& name) const {
  auto bytes = files_.ReadFile(folder_ + "/" + name);
  if (bytes) return std::optional<Bytes>(*std::move(bytes));
  if (bytes.error().code() == ErrorCode::kNotFound) return std::optional<Bytes>();
  return std::move(bytes).error();
}

Result<void> LocalCache::WriteFile(const std::string& name, ByteSpan bytes) const {
  const std::string temporary = folder_ + "/tmp-" + random_.NewId<ObjectId>().ToHex();
  auto written = files_.WriteNewFile(temporary, bytes);
  if (written) written = files_.Rename(temporary, folder_ + "/" + name);
  if (!written) IgnoreError(files_.Remove(temporary), "the first error is the one to tell");
  return std::move(written).While("writing the local cache");
}

Result<std::unique_ptr<FileLock>> LocalCache::LockSession(const SessionId& session) {
  ASSIGN_OR_RETURN(auto lock, files_.TryLock(LockOf(session)));
  if (lock == nullptr) return MakeError(ErrorCode::kBusy, "session {} is run by another process", session.ToHex());
  return lock;
}

void LocalCache::NoteOwner(const SessionId& session) const {
  IgnoreError(files_.WriteNewFile(OwnerOf(session), AsBytes(ProcessIdentity())),
              "without it this process takes the session for another's");
}

bool LocalCache::IsOfThisProcess(const SessionId& session) const {
  const auto owner = files_.ReadFile(OwnerOf(session));
  return owner && AsText(*owner) == ProcessIdentity();
}

std::vector<LocalCache::DeadSession> LocalCache::DeadSessions() const {
  std::vector<DeadSession> dead;
  const std::string folder = folder_ + "/running";
  std::vector<SessionId> known;
  IgnoreError(files_.List(folder,
                          [&](const FileInfo& info) {
                            if (auto id = SessionId::Parse(info.name)) known.push_back(*id);
                          }),
              "no running folder: no proof of anything");
  for (const SessionId& id : known) {
    auto lock = files_.TryLock(folder + "/" + id.ToHex());
    if (lock && *lock != nullptr) dead.push_back({id, *std::move(lock)});
  }
  return dead;
}

void LocalCache::ForgetDead(const SessionId& session) {
  IgnoreError(files_.Remove(OwnerOf(session)), "somebody else may have forgotten it");
  IgnoreError(files_.Remove(LockOf(session)), "somebody else may have forgotten it");
}

}  // namespace cairn
