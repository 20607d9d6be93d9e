// One of everything that a file system can hold.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace cairn::files_test {

// An access control list as the kernel gives it: the owner and one more user may read and write.
std::string AclBytes(unsigned user);

// Makes it in `folder`. What the user, the system or the file system does not allow is left out.
void MakeOddTree(const std::string& folder);
// Takes away what a removal would stumble over.
void FreeOddTree(const std::string& folder);

// A file of `size` bytes with data at the given places only, 64 KiB each.
void MakeSparse(const std::string& path, uint64_t size, std::initializer_list<uint64_t> places);

}  // namespace cairn::files_test
