#include "tests/support/crash_store.h"

namespace cairn {
namespace {

constexpr std::string_view kMessage = "this process was killed, says the test";

}  // namespace

void CrashStore::CrashAt(uint64_t call, When when) {
  const std::lock_guard lock(mutex_);
  crash_at_ = call;
  when_ = when;
}

void CrashStore::CrashNow() {
  const std::lock_guard lock(mutex_);
  crashed_ = true;
}

void CrashStore::Revive() {
  const std::lock_guard lock(mutex_);
  crashed_ = false;
  crash_at_ = 0;
}

bool CrashStore::crashed() const {
  const std::lock_guard lock(mutex_);
  return crashed_;
}

bool CrashStore::IsCrash(const Error& error) { return error.message().ends_with(kMessage); }

Result<void> CrashStore::Before(const StoreCall& call) {
  const std::lock_guard lock(mutex_);
  crashed_ = crashed_ || (call.number == crash_at_ && when_ == When::kBefore);
  if (crashed_) return Error(ErrorCode::kIo, std::string(kMessage));
  return {};
}

// A call that was under way when another one crashed has had its effect, and nobody is left to hear of it.
Result<void> CrashStore::After(const StoreCall& call) {
  const std::lock_guard lock(mutex_);
  crashed_ = crashed_ || (call.number == crash_at_ && when_ == When::kAfter);
  if (crashed_) return Error(ErrorCode::kIo, std::string(kMessage));
  return {};
}

}  // namespace cairn
