#include <algorithm>

#include "engine/store/rclone/rclone_store.h"
#include "engine/stores/kinds.h"

namespace cairn {
namespace {

// Words between blanks.
std::vector<std::string> WordsOf(const std::string& text) {
  std::vector<std::string> words;
  for (size_t begin = text.find_first_not_of(' '); begin != std::string::npos;
       begin = text.find_first_not_of(' ', begin)) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

}  // namespace

Made MakeRclone(const std::string& remote, const StoreSettings& settings, const StoreWorld& world, Use use) {
  rclone::Options options;
  ASSIGN_OR_RETURN(options.remote, rclone::ParseRemote(remote));
  if (const std::string program = SettingOf(settings, "rclone.program"); !program.empty()) options.program = program;
  options.arguments = WordsOf(SettingOf(settings, "rclone.args"));
  ASSIGN_OR_RETURN(const auto retry, MakeRetry(settings, world));
  return MakeFar(
      retry, use, [&] { return AnyStore(rclone::RcloneStore::Create(options, world.random, world.clock, world.stop)); },
      [&] { return rclone::RcloneStore::Open(options, world.random, world.clock, world.stop); }, world);
}

}  // namespace cairn
