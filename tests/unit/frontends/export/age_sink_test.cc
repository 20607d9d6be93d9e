#include "frontends/export/age_sink.h"

#include <gtest/gtest.h>

namespace cairn::exports {
namespace {

class MemorySink : public ByteSink {
 public:
  Result<void> Write(ByteSpan bytes) override {
    Append(bytes_, bytes);
    return {};
  }
  Result<void> Finish() override { return {}; }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

// 0, 1, 2, ...
class CountingRandom : public Random {
 public:
  void Fill(MutableByteSpan target) const override {
    for (uint8_t& byte : target) byte = next_++;
  }

 private:
  mutable uint8_t next_ = 0;
};

constexpr std::string_view kRecipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
constexpr size_t kTagBytes = 16, kNonceBytes = 16, kChunkBytes = 65'536;

Result<Bytes> Encrypted(const AgeOptions& options, size_t size) {
  MemorySink target;
  const CountingRandom random;
  ASSIGN_OR_RETURN(const auto sink, AgeSink::Make(target, options, random));
  const Bytes all(size, 'x');
  RETURN_IF_ERROR(sink->Write(all));
  RETURN_IF_ERROR(sink->Finish());
  return target.bytes();
}

AgeOptions ForRecipients(size_t count) {
  AgeOptions options;
  options.recipients.assign(count, *AgeRecipient::Parse(kRecipient));
  return options;
}

size_t HeadBytes(ByteSpan file) {
  const std::string_view text = AsText(file);
  return text.find('\n', text.find("\n---") + 1) + 1;
}

TEST(AgeSink, HeadHasAStanzaForEachRecipient) {
  const auto file = Encrypted(ForRecipients(3), 10);
  ASSERT_TRUE(file) << file.error().message();
  const std::string_view text = AsText(*file);
  EXPECT_TRUE(text.starts_with("age-encryption.org/v1\n-> X25519 "));
  size_t stanzas = 0;
  for (size_t at = 0; (at = text.find("-> X25519 ", at)) != std::string_view::npos; ++at) ++stanzas;
  EXPECT_EQ(stanzas, 3U);
}

TEST(AgeSink, EachChunkHasATagAndTheLastIsEmptyOnlyWhereAllIs) {
  for (const auto& [size, chunks] :
       {std::pair<size_t, size_t>{0, 1}, {1, 1}, {kChunkBytes, 1}, {kChunkBytes + 1, 2}, {2 * kChunkBytes, 2}}) {
    const auto file = Encrypted(ForRecipients(1), size);
    ASSERT_TRUE(file);
    EXPECT_EQ(file->size(), HeadBytes(*file) + kNonceBytes + size + chunks * kTagBytes) << size;
  }
}

TEST(AgeSink, WantsRecipientsOrAPassphraseAndNotBoth) {
  EXPECT_FALSE(Encrypted({}, 1));
  AgeOptions both = ForRecipients(1);
  both.passphrase = ToBytes(AsBytes("x"));
  EXPECT_FALSE(Encrypted(both, 1));
  AgeOptions nobody;
  nobody.recipients.emplace_back();  // the point at zero: every secret key gives the same
  EXPECT_FALSE(Encrypted(nobody, 1));
}

TEST(AgeSink, PassphraseStanzaSaysItsCost) {
  AgeOptions options;
  options.passphrase = ToBytes(AsBytes("x"));
  options.cost_log2 = 10;
  const auto file = Encrypted(options, 1);
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_TRUE(AsText(*file).starts_with("age-encryption.org/v1\n-> scrypt "));
  EXPECT_NE(AsText(*file).find(" 10\n"), std::string_view::npos);
}

}  // namespace
}  // namespace cairn::exports
