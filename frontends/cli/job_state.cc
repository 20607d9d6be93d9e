#include "frontends/cli/job_state.h"

#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "engine/crypto/hash.h"
#include "engine/env/clock.h"

namespace cairn {
namespace {

constexpr int kVersion = 1;

nlohmann::json TimeJson(const std::optional<WireTime>& time) {
  return time ? nlohmann::json({time->seconds, time->nanoseconds}) : nlohmann::json();
}

std::optional<WireTime> TimeOf(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array() || found->size() != 2) return std::nullopt;
  return WireTime{found->at(0).get<int64_t>(), found->at(1).get<uint32_t>()};
}

nlohmann::json ToJson(const JobState& state, const std::string& job) {
  nlohmann::json copies = nlohmann::json::object();
  for (const auto& [name, copy] : state.copies) {
    copies[name] = {{"result", copy.result},         {"error", copy.error},
                    {"ended", TimeJson(copy.ended)}, {"caught_up", TimeJson(copy.caught_up)},
                    {"waiting", copy.waiting},       {"waiting_since", TimeJson(copy.waiting_since)}};
  }
  return {{"version", kVersion},
          {"job", job},
          {"result", state.result},
          {"error", state.error},
          {"snapshot", state.snapshot},
          {"begun", TimeJson(state.begun)},
          {"ended", TimeJson(state.ended)},
          {"last_success", TimeJson(state.last_success)},
          {"process", state.process},
          {"copies", copies}};
}

// Throws where the file is not what ToJson makes.
JobState FromJson(const nlohmann::json& json) {
  JobState state;
  if (json.at("version") != kVersion) return state;
  state.result = json.at("result").get<std::string>();
  state.error = json.at("error").get<std::string>();
  state.snapshot = json.at("snapshot").get<std::string>();
  state.begun = TimeOf(json, "begun");
  state.ended = TimeOf(json, "ended");
  state.last_success = TimeOf(json, "last_success");
  state.process = json.at("process").get<int64_t>();
  for (const auto& [name, one] : json.at("copies").items()) {
    CopyState& copy = state.copies[name];
    copy.result = one.at("result").get<std::string>();
    copy.error = one.at("error").get<std::string>();
    copy.ended = TimeOf(one, "ended");
    copy.caught_up = TimeOf(one, "caught_up");
    copy.waiting = one.at("waiting").get<uint64_t>();
    copy.waiting_since = TimeOf(one, "waiting_since");
  }
  return state;
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string StateFolder() {
  if (const std::string folder = Variable("CAIRN_STATE_DIR"); !folder.empty()) return folder;
  if (const std::string folder = Variable("XDG_STATE_HOME"); !folder.empty()) return folder + "/cairn";
  const std::string home = Variable("HOME");
  return ::geteuid() == 0 || home.empty() ? "/var/lib/cairn" : home + "/.local/state/cairn";
}

Result<std::unique_ptr<JobStateFile>> JobStateFile::Open(FileSystem& files, const std::string& folder,
                                                         const Configuration& configuration, const std::string& job) {
  const std::string jobs = folder + "/jobs";
  RETURN_IF_ERROR(MakeFolders(files, jobs).While("making the folder of what jobs have done (CAIRN_STATE_DIR)"));
  // Another configuration may have a job of this name.
  const std::string mark = Sha256(AsBytes(configuration.file)).ToHex().substr(0, 16);
  return std::unique_ptr<JobStateFile>(new JobStateFile(files, jobs + "/" + job + "-" + mark, job));
}

JobState JobStateFile::Load() const {
  const auto bytes = files_.ReadFile(path_ + ".json");
  if (!bytes) return {};
  try {
    return FromJson(nlohmann::json::parse(AsText(*bytes)));
  } catch (const nlohmann::json::exception&) {
    return {};
  }
}

Result<void> JobStateFile::Store(const JobState& state) const {
  const std::string text = ToJson(state, job_).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const std::string temporary = path_ + ".tmp";  // who holds the lock is alone
  IgnoreError(files_.Remove(temporary), "of a run that was killed, or not there");
  RETURN_IF_ERROR(files_.WriteNewFile(temporary, AsBytes(text)));
  return files_.Rename(temporary, path_ + ".json");
}

Result<std::unique_ptr<FileLock>> JobStateFile::Lock() const {
  // Who only asks whether it runs holds it for a moment.
  for (int tries = 0; tries < 10; ++tries) {
    ASSIGN_OR_RETURN(auto lock, files_.TryLock(path_ + ".lock"));
    if (lock != nullptr) return lock;
    SystemClock().Sleep(std::chrono::milliseconds(20), std::stop_token());
  }
  const JobState state = Load();
  return MakeError(ErrorCode::kBusy, "job {} runs already{}", job_,
                   state.process > 0 ? fmt::format(", as process {}", state.process) : "");
}

bool JobStateFile::IsLocked() const {
  const auto lock = files_.TryLock(path_ + ".lock");
  return lock && *lock == nullptr;
}

}  // namespace cairn
