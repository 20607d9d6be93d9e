#include "bench/dump/sql_dump.h"

#include <array>
#include <string>
#include <vector>

namespace cairn::bench {
namespace {

constexpr size_t kRowBytesMean = kSqlDumpBytesMin, kRowBytesMax = 512, kBufferBytes = 1 << 20;

// SplitMix64 (Steele, Lea, Flood 2014): one step from a state, so that any row can be made without those before it.
uint64_t Mix(uint64_t state) {
  state += 0x9e3779b97f4a7c15;
  state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
  state = (state ^ (state >> 27)) * 0x94d049bb133111eb;
  return state ^ (state >> 31);
}

class Numbers {
 public:
  explicit Numbers(uint64_t state) : state_(state) {}
  // Below `bound`; the bias of a 32-bit product does not matter here.
  uint64_t Below(uint64_t bound) { return ((Mix(state_++) >> 32) * bound) >> 32; }

 private:
  uint64_t state_;
};

// Words as a language has them: a few are frequent, most are not.
std::vector<std::string> MakeWords() {
  constexpr std::array<std::string_view, 24> kSyllables = {"ba", "re", "ti", "on",  "der", "lu",  "men", "sa",
                                                           "ko", "vi", "ta", "nel", "os",  "per", "gra", "ni",
                                                           "fe", "mo", "ra", "lin", "du",  "est", "ca",  "hu"};
  std::vector<std::string> words;
  Numbers numbers(7);
  for (size_t i = 0; i < 4096; ++i) {
    std::string word;
    for (uint64_t part = 1 + numbers.Below(4); part > 0; --part) word += kSyllables[numbers.Below(kSyllables.size())];
    words.push_back(std::move(word));
  }
  return words;
}

class Writer {
 public:
  using Take = std::function<void(std::string_view)>;
  explicit Writer(const Take& take) : take_(take) { buffer_.reserve(kBufferBytes + kRowBytesMax); }
  ~Writer() { Flush(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void Text(std::string_view text) { buffer_.append(text); }
  void Number(uint64_t value, size_t digits = 1) {
    std::array<char, 20> text;
    size_t at = text.size();
    while (value > 0 || text.size() - at < digits) {
      text[--at] = static_cast<char>('0' + value % 10);
      value /= 10;
    }
    buffer_.append(text.data() + at, text.size() - at);
  }
  void EndOfRow() {
    buffer_ += '\n';
    if (buffer_.size() >= kBufferBytes) Flush();
  }

 private:
  void Flush() {
    if (!buffer_.empty()) take_(buffer_);
    buffer_.clear();
  }

  const Take& take_;
  std::string buffer_;
};

class Dump {
 public:
  Dump(const SqlDumpOptions& options, const Writer::Take& take)
      : first_rows_(options.bytes / kRowBytesMean),
        generation_(options.generation),
        seed_(Mix(options.seed)),
        words_(MakeWords()),
        writer_(take) {}

  void Write() {
    writer_.Text("--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\n");
    writer_.Text(
        "CREATE TABLE public.orders (id bigint, customer bigint, placed timestamp with time zone, state text,");
    writer_.Text(" amount numeric, email text, note text);\n\n");
    writer_.Text("COPY public.orders (id, customer, placed, state, amount, email, note) FROM stdin;\n");
    const uint64_t rows = generation_ >= 5 ? first_rows_ + first_rows_ / 50 : first_rows_;
    for (uint64_t row = 0; row < rows; ++row) Row(row);
    writer_.Text("\\.\n\nALTER TABLE ONLY public.orders ADD CONSTRAINT orders_pkey PRIMARY KEY (id);\n");
  }

 private:
  // How often a row was changed up to this generation.
  uint64_t VersionOf(uint64_t row) const {
    const auto scattered = [&](uint64_t of_100000, uint64_t salt) {
      return Numbers(Mix(seed_ ^ row) + salt).Below(100'000) < of_100000 ? 1u : 0u;
    };
    uint64_t version = 0;
    if (generation_ >= 2) version += scattered(50, 1000);
    if (generation_ >= 3) version += scattered(1000, 2000);
    const uint64_t begin = first_rows_ / 3, count = first_rows_ / 100;
    if (generation_ >= 4 && row >= begin && row < begin + count) ++version;
    return version;
  }

  void Row(uint64_t row) {
    constexpr std::array<std::string_view, 5> kStates = {"paid", "open", "shipped", "returned", "cancelled"};
    Numbers numbers(Mix(seed_ + row * 8 + VersionOf(row)));
    const uint64_t customer = numbers.Below(first_rows_ / 12 + 1);
    writer_.Number(row + 1);
    writer_.Text("\t");
    writer_.Number(customer);
    writer_.Text("\t");
    Placed(row, numbers);
    writer_.Text("\t");
    writer_.Text(kStates[numbers.Below(100) < 80 ? 0 : numbers.Below(kStates.size())]);
    writer_.Text("\t");
    writer_.Number(numbers.Below(900));
    writer_.Text(".");
    writer_.Number(numbers.Below(100), 2);
    writer_.Text("\t");
    Email(customer);
    writer_.Text("\t");
    for (uint64_t words = 3 + numbers.Below(12); words > 0; --words) {
      // The product of two draws: low numbers are frequent.
      writer_.Text(words_[numbers.Below(64) * numbers.Below(64)]);
      writer_.Text(words > 1 ? " " : "");
    }
    writer_.EndOfRow();
  }

  // Orders are placed one after the other, about three a minute.
  void Placed(uint64_t row, Numbers& numbers) {
    const uint64_t seconds = row * 20 + numbers.Below(20), days = seconds / 86'400;
    writer_.Number(2000 + days / 360, 4);
    writer_.Text("-");
    writer_.Number(1 + days / 30 % 12, 2);
    writer_.Text("-");
    writer_.Number(1 + days % 30, 2);
    writer_.Text(" ");
    writer_.Number(seconds / 3600 % 24, 2);
    writer_.Text(":");
    writer_.Number(seconds / 60 % 60, 2);
    writer_.Text(":");
    writer_.Number(seconds % 60, 2);
    writer_.Text(".");
    writer_.Number(numbers.Below(1'000'000), 6);
    writer_.Text("+00");
  }

  void Email(uint64_t customer) {
    Numbers numbers(Mix(seed_ - customer));
    writer_.Text(words_[numbers.Below(words_.size())]);
    writer_.Text(".");
    writer_.Text(words_[numbers.Below(words_.size())]);
    writer_.Number(customer % 1000);
    writer_.Text("@example.org");
  }

  uint64_t first_rows_;
  unsigned generation_;
  uint64_t seed_;
  std::vector<std::string> words_;
  Writer writer_;
};

}  // namespace

void WriteSqlDump(const SqlDumpOptions& options, const std::function<void(std::string_view)>& take) {
  Dump(options, take).Write();
}

}  // namespace cairn::bench
