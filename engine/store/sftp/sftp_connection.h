// One ssh process with an SFTP session in it.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "engine/env/clock.h"
#include "engine/env/piped_child.h"
#include "engine/store/sftp/sftp_options.h"
#include "engine/store/sftp/sftp_packet.h"
#include "engine/store/sftp/sftp_place.h"

namespace cairn::sftp {

// Requests of many threads go out in the order of Send, and each waits for its own answer; a thread of the connection
// does all reading and writing. Once it has failed it stays failed: every wait ends with the same Error, and a new
// connection is needed. Where a session was there, that Error is transient.
//
// Safe for concurrent use. Borrows the clock. Memory: about twice options.window_bytes, and answers that nobody has
// taken yet.
class Connection {
 public:
  // With the server's greeting and limits read. kInterrupted where stop is asked for meanwhile.
  static Result<std::shared_ptr<Connection>> Open(const SftpPlace& place, const SftpOptions& options,
                                                  const Clock& clock, const std::stop_token& stop);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The request's id. Waits while the window is full. `answer_size`: about what the answer will have. An Error only
  // where the connection has failed.
  Result<uint32_t> Send(PacketWriter request, uint64_t answer_size = 0);
  // Waits for the answer; once for each id.
  Result<Answer> Take(uint32_t id);
  // In place of Take: nobody wants the answer.
  void Drop(uint32_t id);

  bool has_failed() const;
  // Asks the server to end; what was sent is still done. No request after this.
  void Finish();

  bool Offers(std::string_view extension, std::string_view version = "1") const {
    return version_.Has(extension, version);
  }
  uint32_t read_size() const { return read_size_; }  // at most that much data in a read or write
  uint32_t write_size() const { return write_size_; }

 private:
  struct Call {
    uint64_t size = 0;  // of the window
    bool is_dropped = false;
    std::optional<Answer> answer;
  };

  Connection(const SftpPlace& place, const SftpOptions& options, const Clock& clock, std::stop_token stop,
             std::unique_ptr<PipedChild> child);
  Result<void> Greet();
  Result<void> AskLimits();

  // Of the thread.
  void Run();
  bool MayClose();
  Result<void> Step();
  Result<void> Read();
  Result<void> ReadErrors();
  Result<void> Write();
  Result<void> Deliver(Bytes packet);
  Result<void> CheckTime(bool had_bytes);
  Error Ended();
  void Fail(Error error);
  void Wake() const;

  const SftpPlace place_;
  const SftpOptions options_;
  const Clock& clock_;
  const std::stop_token stop_;
  const bool was_stopped_;  // already when it was opened: what follows a stop needs a store, too
  int event_ = -1;

  // Of the thread alone.
  std::unique_ptr<PipedChild> child_;
  PacketSplitter splitter_;
  std::deque<Bytes> outgoing_;
  size_t outgoing_offset_ = 0;  // of its first, what is written
  std::string errors_;          // the end of what ssh has written to its standard error
  std::chrono::nanoseconds last_byte_;
  std::optional<std::chrono::nanoseconds> closing_since_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Bytes> queue_;         // guarded by mutex_, as all below
  std::map<uint32_t, Call> calls_;  // sent, and not yet taken
  std::optional<Bytes> greeting_;
  std::optional<Error> failure_;
  uint64_t window_used_ = 0;
  size_t owed_ = 0;  // answers that have not come
  uint32_t next_id_ = 0;
  bool is_ready_ = false;  // Open is over
  bool is_finishing_ = false;
  bool is_closing_ = false;

  // Set by Open, before others see it.
  ServerVersion version_;
  uint32_t read_size_ = kDataSizeMin;
  uint32_t write_size_ = kDataSizeMin;

  std::jthread thread_;
};

}  // namespace cairn::sftp
