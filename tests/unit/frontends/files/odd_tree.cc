#include "tests/unit/frontends/files/odd_tree.h"

#include <linux/fs.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "repo-format/wire_writer.h"
#include "tests/unit/frontends/files/files_fixture.h"

namespace cairn::files_test {

std::string AclBytes(unsigned user) {
  constexpr uint32_t kNobody = 0xffffffff;
  WireWriter acl;
  acl.U32(2);
  const auto entry = [&acl](uint16_t tag, uint16_t rights, uint32_t id) {
    acl.U16(tag);
    acl.U16(rights);
    acl.U32(id);
  };
  entry(0x01, 6, kNobody);  // the owner
  entry(0x02, 6, user);
  entry(0x04, 4, kNobody);  // the group
  entry(0x10, 6, kNobody);  // the mask
  entry(0x20, 4, kNobody);  // others
  return ToString(acl.bytes());
}

void MakeSparse(const std::string& path, uint64_t size, std::initializer_list<uint64_t> places) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  CHECK(fd >= 0 && ::ftruncate(fd, static_cast<off_t>(size)) == 0);
  const std::string data(64 * 1024, 'd');
  for (const uint64_t place : places) {
    CHECK(::pwrite(fd, data.data(), data.size(), static_cast<off_t>(place)) == static_cast<ssize_t>(data.size()));
  }
  ::close(fd);
}

namespace {

constexpr uint64_t kMiB = 1 << 20;

void MakeFiles(const std::string& folder) {
  WriteFile(folder + "/empty", "");
  WriteFile(folder + "/text", "hello\n");
  std::string large(3'000'000, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 2654435761u >> 13);
  WriteFile(folder + "/large", large);
  WriteFile(folder + "/mode-000", "secret", 0000);
  WriteFile(folder + "/mode-777", "", 0777);
  WriteFile(folder + "/zeros", std::string(200'000, '\0'));
  MakeSparse(folder + "/hole-begin", kMiB, {kMiB - 65536});
  MakeSparse(folder + "/hole-middle", kMiB, {0, kMiB - 65536});
  MakeSparse(folder + "/hole-end", kMiB, {0});
  MakeSparse(folder + "/hole-all", kMiB + 17, {});
  MakeSparse(folder + "/hole-many", 4 * kMiB, {65536, 262144, kMiB, 2 * kMiB, 3 * kMiB + 65536});
}

void MakeNames(const std::string& folder) {
  MakeFolder(folder);
  WriteFile(folder + "/new\nline", "1");
  WriteFile(folder + "/invalid \xff\xfe utf-8", "2");
  WriteFile(folder + "/" + std::string(255, 'n'), "3");
  WriteFile(folder + "/ blanks ", "4");
  WriteFile(folder + "/back\\slash\"quote'", "5");
  WriteFile(folder + "/-rf", "6");
  WriteFile(folder + "/\x01\x1b[31m\x7f", "7");
  WriteFile(folder + "/caf\xc3\xa9", "8");
  WriteFile(folder + "/...", "9");
  WriteFile(folder + "/*", "10");
  MakeFolder(folder + "/\x80");
  WriteFile(folder + "/\x80/\x81", "11");
}

void MakeLinks(const std::string& folder) {
  MakeFolder(folder);
  MakeLink("../text", folder + "/relative");
  MakeLink("/etc/passwd", folder + "/absolute");
  MakeLink("nowhere", folder + "/dangling");
  MakeLink(".", folder + "/self");
  MakeLink(std::string(4000, 't'), folder + "/long");
  MakeLink("\xff\n", folder + "/bytes");
  WriteFile(folder + "/hard-1", "hard");
  CHECK(::link((folder + "/hard-1").c_str(), (folder + "/hard-2").c_str()) == 0);
  CHECK(::link((folder + "/hard-1").c_str(), (folder + "/../hard-3").c_str()) == 0);
  CHECK(::link((folder + "/dangling").c_str(), (folder + "/hard-link").c_str()) == 0);
}

void MakeSpecials(const std::string& folder) {
  MakeFolder(folder);
  CHECK(::mkfifo((folder + "/fifo").c_str(), 0640) == 0);
  if (!IsRoot()) return;
  // May be forbidden in a container.
  static_cast<void>(::mknod((folder + "/char").c_str(), S_IFCHR | 0620, makedev(1, 3)) == 0);
  static_cast<void>(::mknod((folder + "/block").c_str(), S_IFBLK | 0660, makedev(259, 1'000'000)) == 0);
  static_cast<void>(::link((folder + "/fifo").c_str(), (folder + "/fifo-too").c_str()) == 0);
}

void MakeOwners(const std::string& folder) {
  MakeFolder(folder);
  WriteFile(folder + "/setuid", "", 04755);
  WriteFile(folder + "/setgid", "", 02755);
  MakeFolder(folder + "/sticky", 01777);
  MakeFolder(folder + "/setgid-folder", 02775);
  if (!IsRoot()) return;
  for (const char* name : {"/daemon", "/setuid-daemon", "/unknown"}) WriteFile(folder + name, name);
  CHECK(::chown((folder + "/daemon").c_str(), 1, 1) == 0);
  CHECK(::chown((folder + "/setuid-daemon").c_str(), 1, 1) == 0);
  CHECK(::chmod((folder + "/setuid-daemon").c_str(), 06711) == 0);
  CHECK(::chown((folder + "/unknown").c_str(), 3'999'999'999u, 123'456) == 0);
  MakeLink("daemon", folder + "/link");
  CHECK(::lchown((folder + "/link").c_str(), 2, 2) == 0);
}

void MakeAttributes(const std::string& folder) {
  MakeFolder(folder);
  for (const char* name : {"/file", "/acl", "/capable", "/large"}) WriteFile(folder + name, name);
  TrySetAttribute(folder + "/file", "user.comment", "a comment");
  TrySetAttribute(folder + "/file", "user.empty", "");
  TrySetAttribute(folder + "/file", "user.zero", std::string("\0\xff", 2));
  TrySetAttribute(folder + "/large", "user.large", std::string(3000, 'v'));
  TrySetAttribute(folder + "/acl", "system.posix_acl_access", AclBytes(1));
  TrySetAttribute(folder, "user.of-a-folder", "f");
  TrySetAttribute(folder, "system.posix_acl_default", AclBytes(2));
  if (!IsRoot()) return;
  TrySetAttribute(folder + "/file", "trusted.t", "t");
  TrySetAttribute(folder + "/file", "security.s", "s");
  // Version 2 of a file's capabilities: CAP_NET_RAW, effective.
  TrySetAttribute(folder + "/capable", "security.capability",
                  std::string("\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20));
  MakeLink("x", folder + "/link");
  TrySetAttribute(folder + "/link", "trusted.of-a-link", "l");
}

void MakeTimes(const std::string& folder) {
  MakeFolder(folder);
  WriteFile(folder + "/nanoseconds", "");
  SetTime(folder + "/nanoseconds", 1'700'000'000, 123'456'789);
  WriteFile(folder + "/before-1970", "");
  SetTime(folder + "/before-1970", -86'400, 999'999'999);
  WriteFile(folder + "/after-2262", "");
  SetTime(folder + "/after-2262", 9'500'000'000, 1);
  WriteFile(folder + "/zero", "");
  SetTime(folder + "/zero", 0, 0);
  MakeLink("x", folder + "/link");
  SetTime(folder + "/link", 1'000'000'000, 5);
  MakeFolder(folder + "/folder");
  SetTime(folder + "/folder", 1'100'000'000, 6);
}

void MakeFlags(const std::string& folder) {
  MakeFolder(folder);
  WriteFile(folder + "/nodump", "n");
  TrySetFlags(folder + "/nodump", FS_NODUMP_FL | FS_NOATIME_FL);
  if (!IsRoot()) return;
  WriteFile(folder + "/immutable", "i");
  CHECK(::link((folder + "/immutable").c_str(), (folder + "/immutable-too").c_str()) == 0);
  SetTime(folder + "/immutable", 5, 5);
  TrySetFlags(folder + "/immutable", FS_IMMUTABLE_FL);
  WriteFile(folder + "/append", "a");
  TrySetFlags(folder + "/append", FS_APPEND_FL);
  MakeFolder(folder + "/immutable-folder");
  WriteFile(folder + "/immutable-folder/file", "f");
  TrySetFlags(folder + "/immutable-folder", FS_IMMUTABLE_FL);
}

}  // namespace

void MakeOddTree(const std::string& folder) {
  MakeFiles(folder);
  MakeNames(folder + "/names");
  MakeLinks(folder + "/links");
  MakeSpecials(folder + "/specials");
  MakeOwners(folder + "/owners");
  MakeAttributes(folder + "/attributes");
  MakeTimes(folder + "/times");
  MakeFlags(folder + "/flags");
  MakeFolder(folder + "/empty-folder", 0500);
  MakeFolder(folder + "/closed", 0700);
  WriteFile(folder + "/closed/inside", "inside");
  CHECK(::chmod((folder + "/closed").c_str(), 0500) == 0);
}

void FreeOddTree(const std::string& folder) {
  for (const char* name : {"/flags/immutable", "/flags/append", "/flags/immutable-folder"}) {
    TrySetFlags(folder + name, 0);
  }
  static_cast<void>(::chmod((folder + "/closed").c_str(), 0700) == 0);
}

}  // namespace cairn::files_test
