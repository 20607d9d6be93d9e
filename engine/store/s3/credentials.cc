#include "engine/store/s3/credentials.h"

#include <map>

#include "repo-format/base/bytes.h"

namespace cairn::s3 {
namespace {

using Section = std::map<std::string, std::string>;

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// Of a file with lines "[name]" and "key = value"; empty where it has no such section.
Section SectionOf(std::string_view text, std::string_view name) {
  Section section;
  bool is_within = false;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = Trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with('[')) {
      is_within = Trimmed(line.substr(1, line.find(']') - 1)) == name;
    } else if (const size_t equal = line.find('='); is_within && equal != std::string_view::npos && line[0] != '#') {
      section[std::string(Trimmed(line.substr(0, equal)))] = Trimmed(line.substr(equal + 1));
    }
  }
  return section;
}

struct File {
  std::string path;
  std::string text;  // "" where there is none
};

Result<File> ReadFile(FileSystem& files, const Environment& environment, const char* variable, const char* name) {
  File file{.path = environment(variable), .text = {}};
  if (file.path.empty()) {
    const std::string home = environment("HOME");
    if (home.empty()) return file;
    file.path = home + "/.aws/" + name;
  }
  auto bytes = files.ReadFile(file.path);
  if (bytes) {
    file.text = ToString(*bytes);
  } else if (bytes.error().code() != ErrorCode::kNotFound) {
    return std::move(bytes).error();
  }
  return file;
}

std::string ProfileOf(const Environment& environment, const std::string& given) {
  if (!given.empty()) return given;
  const std::string profile = environment("AWS_PROFILE");
  return profile.empty() ? "default" : profile;
}

}  // namespace

Result<Credentials> FindCredentials(FileSystem& files, const Environment& environment, const std::string& given) {
  Credentials found{.access_key = environment("AWS_ACCESS_KEY_ID"),
                    .secret_key = environment("AWS_SECRET_ACCESS_KEY"),
                    .session_token = environment("AWS_SESSION_TOKEN")};
  if (given.empty() && !found.access_key.empty() && !found.secret_key.empty()) return found;
  ASSIGN_OR_RETURN(const File file, ReadFile(files, environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials"));
  const std::string profile = ProfileOf(environment, given);
  Section section = SectionOf(file.text, profile);
  found = {.access_key = section["aws_access_key_id"],
           .secret_key = section["aws_secret_access_key"],
           .session_token = section["aws_session_token"]};
  if (!found.access_key.empty() && !found.secret_key.empty()) return found;
  return MakeError(ErrorCode::kInvalidArgument,
                   "there is no key for the S3 store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write "
                   "aws_access_key_id and aws_secret_access_key under [{}] into {}",
                   profile, file.path.empty() ? "~/.aws/credentials" : file.path);
}

Result<std::string> FindRegion(FileSystem& files, const Environment& environment, const std::string& given) {
  for (const char* variable : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (std::string region = environment(variable); !region.empty()) return region;
  }
  ASSIGN_OR_RETURN(const File file, ReadFile(files, environment, "AWS_CONFIG_FILE", "config"));
  const std::string profile = ProfileOf(environment, given);
  return SectionOf(file.text, profile == "default" ? profile : "profile " + profile)["region"];
}

}  // namespace cairn::s3
