#include "frontends/import/zip_metadata.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "repo-format/base/units.h"
#include "repo-format/wire_reader.h"
#include "repo-format/wire_writer.h"

namespace cairn::import {
namespace {

constexpr size_t kMetadataBytesMax = 4 * kMiB;
constexpr uint64_t kListBytesMax = 64 * kMiB;

// What others have written is compared with it; nothing of ours rests on it.
class Md5 {
 public:
  Md5() : context_(::EVP_MD_CTX_new()) { ::EVP_DigestInit_ex(context_, ::EVP_md5(), nullptr); }
  ~Md5() { ::EVP_MD_CTX_free(context_); }
  Md5(const Md5&) = delete;
  Md5& operator=(const Md5&) = delete;
  void Update(ByteSpan bytes) { ::EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }
  std::string Hex() {  // once
    std::array<uint8_t, 16> digest{};
    unsigned size = 0;
    if (::EVP_DigestFinal_ex(context_, digest.data(), &size) != 1) return "";
    return ToHex(digest);
  }

 private:
  EVP_MD_CTX* const context_;
};

Result<void> AddTo(Md5& md5, ByteStream& stream, const std::stop_token& stop) {
  return ReadAll(stream, stop, [&](ByteSpan bytes) -> Result<void> {
    md5.Update(bytes);
    return {};
  });
}

Result<Bytes> ReadRange(const SharedFd& file, uint64_t offset, uint64_t size) {
  FileStream stream(file, offset, size);
  Bytes bytes(size);
  for (size_t filled = 0; filled < size;) {
    ASSIGN_OR_RETURN(const size_t got, stream.Read(MutableByteSpan(bytes).subspan(filled)));
    if (got == 0) return Corrupt("it is cut short");
    filled += got;
  }
  return bytes;
}

// A zip's end: the list of its entries, and a record that says where the list is (APPNOTE.TXT, 4.3.12 and 4.3.16).
struct ZipEnd {
  uint64_t list_offset = 0;
  Bytes list;
  uint16_t entries = 0;
  Bytes comment;  // with its length before it
};

// Nothing: of another form (zip64, a comment that is long).
std::optional<ZipEnd> ReadZipEnd(const SharedFd& file, uint64_t size) {
  constexpr uint64_t kEndBytes = 22, kLooked = 1 * kKiB;
  const uint64_t looked = std::min(size, kLooked);
  auto tail = ReadRange(file, size - looked, looked);
  if (!tail || looked < kEndBytes) return std::nullopt;
  for (size_t at = looked - kEndBytes + 1; at-- > 0;) {
    if (!AsText(ByteSpan(*tail).subspan(at)).starts_with("PK\x05\x06")) continue;
    WireReader reader(ByteSpan(*tail).subspan(at + 4), "end of a zip");
    const uint16_t disk = reader.U16(), list_disk = reader.U16();
    ZipEnd end;
    end.entries = reader.U16();
    const uint16_t entries_all = reader.U16();
    const uint32_t list_bytes = reader.U32();
    end.list_offset = reader.U32();
    end.comment = ToBytes(reader.Raw(reader.remaining()));
    const uint64_t end_offset = size - looked + at;
    const bool is_plain = disk == 0 && list_disk == 0 && entries_all == end.entries && end.entries != 0xffff &&
                          end.list_offset + list_bytes == end_offset && list_bytes <= kListBytesMax;
    if (!is_plain) return std::nullopt;
    auto list = ReadRange(file, end.list_offset, list_bytes);
    if (!list) return std::nullopt;
    end.list = *std::move(list);
    return end;
  }
  return std::nullopt;
}

// The zip without metadata.json, where that is its last entry: whose list is as if it had never been there.
Result<std::string> Md5Before(const SharedFd& file, uint64_t size, const std::stop_token& stop) {
  constexpr size_t kEntryBytes = 46;
  const auto end = ReadZipEnd(file, size);
  if (!end) return std::string();
  Bytes list;
  uint64_t others_end = 0;  // where the last of the others begins
  std::optional<uint64_t> metadata_offset;
  for (ByteSpan rest = end->list; rest.size() >= kEntryBytes;) {
    WireReader reader(rest.subspan(28), "entry of a zip");
    const size_t name_bytes = reader.U16(), extra_bytes = reader.U16(), comment_bytes = reader.U16();
    reader.U64();
    const uint64_t offset = reader.U32();
    const size_t entry_bytes = kEntryBytes + name_bytes + extra_bytes + comment_bytes;
    if (entry_bytes > rest.size()) return std::string();
    if (AsText(rest.subspan(kEntryBytes, name_bytes)) == kZipMetadataName) {
      metadata_offset = offset;
    } else {
      Append(list, rest.first(entry_bytes));
      others_end = std::max(others_end, offset);
    }
    rest = rest.subspan(entry_bytes);
  }
  if (!metadata_offset || *metadata_offset < others_end || *metadata_offset > end->list_offset) return std::string();
  Md5 md5;
  FileStream before(file, 0, *metadata_offset);
  RETURN_IF_ERROR(AddTo(md5, before, stop));
  md5.Update(list);
  WireWriter record;
  record.Raw(AsBytes("PK\x05\x06"));
  record.U32(0);  // disks
  record.U16(static_cast<uint16_t>(end->entries - 1));
  record.U16(static_cast<uint16_t>(end->entries - 1));
  record.U32(static_cast<uint32_t>(list.size()));
  record.U32(static_cast<uint32_t>(*metadata_offset));
  record.Raw(end->comment);
  md5.Update(record.bytes());
  return md5.Hex();
}

// The files below, in order; whether one of them alone, or all of them, have the MD5.
Result<bool> IsOfFiles(const TreeEntry& folder, bool is_top, const std::string& checksum, Md5& all,
                       const std::stop_token& stop) {
  for (const auto& [name, child] : folder.children) {
    if (child->entry.type == NodeType::kFolder) {
      ASSIGN_OR_RETURN(const bool found, IsOfFiles(*child, false, checksum, all, stop));
      if (found) return true;
    }
    if (!child->open || (is_top && AsText(name) == kZipMetadataName)) continue;
    ASSIGN_OR_RETURN(const auto stream, child->open());
    Md5 one;
    RETURN_IF_ERROR(ReadAll(*stream, stop, [&](ByteSpan bytes) -> Result<void> {
      one.Update(bytes);
      all.Update(bytes);
      return {};
    }));
    if (one.Hex() == checksum) return true;
  }
  return false;
}

std::string TextIn(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

// "2026-11-20 22:25:16.123456+00:00" without the fraction, which ParseTime does not know.
std::string WithoutFraction(std::string text) {
  const size_t dot = text.find('.');
  if (dot == std::string::npos) return text;
  size_t end = dot + 1;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  return text.erase(dot, end - dot);
}

}  // namespace

Result<ZipMetadata> ZipMetadata::Parse(ByteSpan bytes) {
  const std::string_view text = AsText(bytes);
  const auto json = nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  const bool is_backup = json.is_object() && (json.contains("backup_id") || json.contains("created_at"));
  if (!is_backup) {
    return Error(ErrorCode::kInvalidArgument, "a zip whose metadata.json has neither backup_id nor created_at");
  }
  ZipMetadata metadata;
  metadata.backup_id = TextIn(json, "backup_id");
  metadata.description = TextIn(json, "description");
  metadata.created_at = WithoutFraction(TextIn(json, "created_at"));
  if (json.contains("created_at") && json["created_at"].is_number()) {
    const double seconds = json["created_at"].get<double>();
    if (seconds > -1e11 && seconds < 1e11) metadata.created_at = fmt::format("@{}", static_cast<int64_t>(seconds));
  }
  std::string checksum = TextIn(json, "checksum");
  for (char& c : checksum) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (checksum.starts_with("md5:")) checksum.erase(0, 4);
  if (checksum.size() == 32 && FromHex(checksum)) metadata.checksum = checksum;
  return metadata;
}

Result<ZipMetadata> ZipMetadata::Read(const SharedFd& file) {
  ASSIGN_OR_RETURN(const Bytes bytes, ReadZipFile(file, kZipMetadataName, kMetadataBytesMax));
  return Parse(bytes);
}

Result<void> CheckMd5(const std::string& checksum, const SharedFd& file, uint64_t size, const TreeEntry& root,
                      const std::stop_token& stop) {
  Md5 whole;
  FileStream stream(file, 0, size);
  RETURN_IF_ERROR(AddTo(whole, stream, stop));
  if (whole.Hex() == checksum) return {};
  ASSIGN_OR_RETURN(const std::string before, Md5Before(file, size, stop));
  if (before == checksum) return {};
  Md5 all;
  ASSIGN_OR_RETURN(const bool is_of_one, IsOfFiles(root, true, checksum, all, stop));
  if (is_of_one || all.Hex() == checksum) return {};
  return Corrupt("the MD5 {} in its metadata.json is neither that of the zip nor of what is in it", checksum);
}

}  // namespace cairn::import
