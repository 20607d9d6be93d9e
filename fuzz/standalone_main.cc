// Runs the inputs of a fuzz target without libFuzzer: every file, and every file below every folder,
// given as an argument; and the empty input always. Exit status 1 when a path cannot be read.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
// A target may ask for this hook, as with libFuzzer; most do not.
extern "C" __attribute__((weak)) int LLVMFuzzerInitialize(int* argc, char*** argv);

namespace {

namespace fs = std::filesystem;

bool Collect(const fs::path& path, std::vector<fs::path>& files) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) {
    files.push_back(path);
    return true;
  }
  auto walk = fs::recursive_directory_iterator(path, error);
  if (error) {
    std::fprintf(stderr, "%s: %s\n", path.c_str(), error.message().c_str());
    return false;
  }
  for (const fs::directory_entry& entry : walk) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  return true;
}

bool RunFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.bad() || !in.is_open()) {
    std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
    return false;
  }
  // Said before the run, so that the last line names the input that crashed.
  std::fprintf(stderr, "running %s (%zu bytes)\n", path.c_str(), bytes.size());
  // A heap copy of the exact size: a read past its end is an error that ASan sees.
  const std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (LLVMFuzzerInitialize != nullptr) LLVMFuzzerInitialize(&argc, &argv);
  bool all_read = true;
  std::vector<fs::path> files;
  for (int i = 1; i < argc; ++i) all_read = Collect(argv[i], files) && all_read;
  std::sort(files.begin(), files.end());

  const std::uint8_t nothing = 0;
  LLVMFuzzerTestOneInput(&nothing, 0);
  for (const fs::path& path : files) all_read = RunFile(path) && all_read;
  std::fprintf(stderr, "%zu inputs and the empty one\n", files.size());
  return all_read ? 0 : 1;
}
