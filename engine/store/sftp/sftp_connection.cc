#include "engine/store/sftp/sftp_connection.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "engine/store/sftp/ssh_program.h"

namespace cairn::sftp {
namespace {

constexpr size_t kErrorsKept = 4 * kKiB;
constexpr int kLookMs = 100;       // between two looks at the time, while an answer is owed
constexpr int kLastWordsMs = 500;  // for ssh to say why it ended
constexpr int kFlushMs = 300;      // for what was sent last, when the connection goes
constexpr size_t kPiecesMax = 32;

Error Interrupted() { return Error(ErrorCode::kInterrupted, "interrupted while connecting"); }

void BlockSignals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Connection::Connection(const SftpPlace& place, const SftpOptions& options, const Clock& clock, std::stop_token stop,
                       std::unique_ptr<PipedChild> child)
    : place_(place),
      options_(options),
      clock_(clock),
      stop_(std::move(stop)),
      was_stopped_(stop_.stop_requested()),
      event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      child_(std::move(child)),
      last_byte_(clock.Steady()) {}

Result<std::shared_ptr<Connection>> Connection::Open(const SftpPlace& place, const SftpOptions& options,
                                                     const Clock& clock, const std::stop_token& stop) {
  auto child = PipedChild::Start(SshCommand(place, options));
  if (!child && child.error().code() == ErrorCode::kNotFound) {  // which would say that there is no repository
    return MakeError(ErrorCode::kUnsupported, "{}: is OpenSSH's client installed?", child.error().message());
  }
  RETURN_IF_ERROR(child);
  std::shared_ptr<Connection> connection(new Connection(place, options, clock, stop, *std::move(child)));
  if (connection->event_ < 0) return ErrnoError(errno, "connecting to " + place.Login());
  connection->queue_.push_back(InitPacket());
  try {
    connection->thread_ = std::jthread([raw = connection.get()] { raw->Run(); });
  } catch (const std::system_error& error) {
    return ErrnoError(error.code().value(), "starting a thread for " + place.Login());
  }
  RETURN_IF_ERROR(connection->Greet());
  RETURN_IF_ERROR(connection->AskLimits());
  const std::lock_guard lock(connection->mutex_);
  connection->is_ready_ = true;
  return connection;
}

Connection::~Connection() {
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
  }
  Wake();
  if (thread_.joinable()) thread_.join();
  child_.reset();
  if (event_ >= 0) ::close(event_);
}

void Connection::Wake() const {
  const uint64_t one = 1;
  IgnoreError(::write(event_, &one, sizeof(one)) == sizeof(one) ? Result<void>() : Interrupted(),
              "full: it is awake already");
}

bool Connection::has_failed() const {
  const std::lock_guard lock(mutex_);
  return failure_.has_value();
}

void Connection::Finish() {
  {
    const std::lock_guard lock(mutex_);
    is_finishing_ = true;
  }
  Wake();
}

Result<void> Connection::Greet() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return greeting_ || failure_; });
  if (failure_) return *failure_;
  ASSIGN_OR_RETURN(version_, ParseVersion(*greeting_));
  return {};
}

Result<void> Connection::AskLimits() {
  if (!Offers("limits@openssh.com")) return {};
  ASSIGN_OR_RETURN(const uint32_t id, Send(PacketWriter(PacketType::kExtended).String("limits@openssh.com")));
  ASSIGN_OR_RETURN(const Answer answer, Take(id));
  if (answer.type != PacketType::kExtendedReply) return {};
  ASSIGN_OR_RETURN(const ServerLimits limits, ParseLimits(answer.body()));
  const auto fit = [&](uint64_t told) -> uint32_t {
    uint64_t size = std::clamp<uint64_t>(told, kDataSizeMin, kDataSizeMax);
    if (limits.packet_size > 2 * kKiB) size = std::min(size, limits.packet_size - kKiB);
    return static_cast<uint32_t>(std::max<uint64_t>(size, kKiB));
  };
  read_size_ = fit(limits.read_size);
  write_size_ = fit(limits.write_size);
  return {};
}

Result<uint32_t> Connection::Send(PacketWriter request, uint64_t answer_size) {
  uint32_t id;
  {
    std::unique_lock lock(mutex_);
    const uint64_t size = std::max<uint64_t>(request.size(), answer_size);
    changed_.wait(lock, [&] { return failure_ || window_used_ == 0 || window_used_ + size <= options_.window_bytes; });
    if (failure_) return *failure_;
    do {
      id = next_id_++;
    } while (calls_.contains(id));
    calls_[id].size = size;
    window_used_ += size;
    // The first answer that is owed begins the wait for it.
    ++owed_;
    queue_.push_back(std::move(request).Take(id));
  }
  Wake();
  return id;
}

Result<Answer> Connection::Take(uint32_t id) {
  std::unique_lock lock(mutex_);
  const auto call = calls_.find(id);
  CHECK(call != calls_.end() && !call->second.is_dropped);
  changed_.wait(lock, [&] { return failure_ || call->second.answer; });
  std::optional<Answer> answer = std::move(call->second.answer);
  calls_.erase(call);
  if (!answer) return *failure_;
  return *std::move(answer);
}

void Connection::Drop(uint32_t id) {
  const std::lock_guard lock(mutex_);
  const auto call = calls_.find(id);
  CHECK(call != calls_.end());
  if (failure_ || call->second.answer) {
    calls_.erase(call);
  } else {
    call->second.is_dropped = true;
  }
}

bool Connection::MayClose() {
  const std::lock_guard lock(mutex_);
  if (!is_closing_) return false;
  if (!closing_since_) closing_since_ = clock_.Steady();
  const bool is_flushed = queue_.empty() && outgoing_.empty();
  return is_flushed || clock_.Steady() - *closing_since_ > std::chrono::milliseconds(kFlushMs);
}

void Connection::Run() {
  BlockSignals();
  for (;;) {
    if (MayClose()) return;
    auto step = Step();
    if (step) continue;
    Fail(std::move(step).error());
    return;
  }
}

Result<void> Connection::Step() {
  bool is_owed;
  bool is_finishing;
  {
    const std::lock_guard lock(mutex_);
    is_owed = owed_ > 0 || !greeting_ || is_closing_;
    is_finishing = is_finishing_;
    if (outgoing_.empty()) outgoing_.swap(queue_);
  }
  if (is_finishing && outgoing_.empty()) child_->CloseInput();
  std::array<pollfd, 4> waiting = {{{event_, POLLIN, 0},
                                    {child_->output(), POLLIN, 0},
                                    {child_->errors(), POLLIN, 0},
                                    {outgoing_.empty() ? -1 : child_->input(), POLLOUT, 0}}};
  const int ready = ::poll(waiting.data(), waiting.size(), is_owed ? kLookMs : -1);
  if (ready < 0 && errno != EINTR) return ErrnoError(errno, "waiting for ssh");
  if (ready < 0) return {};
  if (waiting[0].revents != 0) {
    uint64_t count;
    IgnoreError(::read(event_, &count, sizeof(count)) > 0 ? Result<void>() : Interrupted(), "only resets it");
    if (!is_owed) last_byte_ = clock_.Steady();
  }
  if (waiting[2].revents != 0) RETURN_IF_ERROR(ReadErrors());
  if (waiting[1].revents != 0) RETURN_IF_ERROR(Read());
  if (waiting[3].revents != 0) RETURN_IF_ERROR(Write());
  return CheckTime(waiting[1].revents != 0 || waiting[3].revents != 0);
}

Result<void> Connection::CheckTime(bool had_bytes) {
  const auto now = clock_.Steady();
  const bool is_stopped = stop_.stop_requested();
  bool is_ready;
  bool is_owed;
  {
    const std::lock_guard lock(mutex_);
    is_ready = is_ready_;
    is_owed = owed_ > 0;
  }
  if (!is_ready && is_stopped && !was_stopped_) return Interrupted();
  if (is_ready && (had_bytes || !is_owed)) {
    last_byte_ = now;
    return {};
  }
  auto limit = is_ready ? options_.silence_max : options_.connect_max;
  if (is_stopped) limit = std::min(limit, options_.stopped_max);
  if (now - last_byte_ <= limit) return {};
  const auto seconds = std::chrono::duration<double>(limit).count();
  if (is_ready) {
    return MakeError(ErrorCode::kIo, "{} has sent nothing for {:g} s, though an answer is owed", place_.host(), seconds)
        .Transient();
  }
  return MakeError(ErrorCode::kIo, "no SFTP session at {} within {:g} s: is it up, and the network?", place_.host(),
                   seconds)
      .Transient();
}

Result<void> Connection::ReadErrors() {
  std::array<uint8_t, 4096> buffer;
  ASSIGN_OR_RETURN(const auto got, child_->ReadErrors(buffer));
  if (got && *got == 0) child_->CloseErrors();
  if (!got) return {};
  errors_ += AsText(ByteSpan(buffer).first(*got));
  if (errors_.size() > 2 * kErrorsKept) errors_.erase(0, errors_.size() - kErrorsKept);
  return {};
}

// The end of the output: ssh ends, and may still say why.
Error Connection::Ended() {
  const auto begin = clock_.Steady();
  while (child_->errors() >= 0 && clock_.Steady() - begin < std::chrono::milliseconds(kLastWordsMs)) {
    pollfd waiting = {child_->errors(), POLLIN, 0};
    if (::poll(&waiting, 1, kLookMs) > 0) IgnoreError(ReadErrors(), "what is there has to do");
  }
  bool is_ready;
  {
    const std::lock_guard lock(mutex_);
    is_ready = greeting_.has_value();
  }
  if (!is_ready) return SshFailure(place_, errors_);
  const std::string told = OneLine(errors_);
  return MakeError(ErrorCode::kIo, "the connection to {} broke{}", place_.host(),
                   told.empty() ? "" : " (ssh said: " + told + ")")
      .Transient();
}

Result<void> Connection::Read() {
  ASSIGN_OR_RETURN(const auto got, child_->ReadOutput(splitter_.Space()));
  if (!got) return {};
  if (*got == 0) return Ended();
  RETURN_IF_ERROR(splitter_.Filled(*got));
  while (auto packet = splitter_.Next()) RETURN_IF_ERROR(Deliver(*std::move(packet)));
  return {};
}

Result<void> Connection::Deliver(Bytes packet) {
  {
    const std::lock_guard lock(mutex_);
    if (!greeting_) {
      greeting_ = std::move(packet);
      changed_.notify_all();
      return {};
    }
  }
  ASSIGN_OR_RETURN(Answer answer, ParseAnswer(std::move(packet)));
  const std::lock_guard lock(mutex_);
  const auto call = calls_.find(answer.id);
  if (call == calls_.end() || call->second.answer) {
    return MakeError(ErrorCode::kIo, "the SFTP server answers request {}, which is not open", answer.id).Transient();
  }
  window_used_ -= call->second.size;
  --owed_;
  if (call->second.is_dropped) {
    calls_.erase(call);
  } else {
    call->second.answer = std::move(answer);
  }
  changed_.notify_all();
  return {};
}

Result<void> Connection::Write() {
  std::vector<ByteSpan> pieces;
  for (const Bytes& packet : outgoing_) {
    pieces.push_back(pieces.empty() ? ByteSpan(packet).subspan(outgoing_offset_) : ByteSpan(packet));
    if (pieces.size() == kPiecesMax) break;
  }
  auto written = child_->Write(pieces);
  if (!written) return Ended();  // it reads no more: it says why
  outgoing_offset_ += *written;
  while (!outgoing_.empty() && outgoing_offset_ >= outgoing_.front().size()) {
    outgoing_offset_ -= outgoing_.front().size();
    outgoing_.pop_front();
  }
  return {};
}

void Connection::Fail(Error error) {
  const std::lock_guard lock(mutex_);
  // Whatever ends a session that was there, another one may go better.
  if (is_ready_ && !error.transient()) error = std::move(error).Transient();
  for (auto call = calls_.begin(); call != calls_.end();) {
    call = call->second.is_dropped ? calls_.erase(call) : std::next(call);
  }
  queue_.clear();
  failure_ = std::move(error);
  changed_.notify_all();
}

}  // namespace cairn::sftp
