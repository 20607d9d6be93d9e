// Which repository a command line means, by an address or by a name of the configuration.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "frontends/cli/password.h"
#include "frontends/config/config_file.h"

namespace cairn {

struct RepositoryChoice {
  std::string name;  // in the configuration; "": it was given by its address
  std::string address;
  std::vector<std::string> store_settings;  // NAME=VALUE
  PasswordSources password;
  std::string cache_folder, limit_upload, limit_download;  // "": as of every command

  std::string ForPeople() const { return name.empty() ? address : name + " (" + address + ")"; }
  // The folder, absolute; the address as it is where that is no folder.
  std::string Folder() const;
};

// The configuration, read when a name asks for it. One thread.
class NamedRepositories {
 public:
  using Environment = std::function<std::string(const char* name)>;
  // `option`: --config.
  NamedRepositories(std::string option, Environment environment)
      : option_(std::move(option)), environment_(std::move(environment)) {}

  // The configuration, read once. kNotFound says where it is looked for.
  Result<const Configuration*> Read();

  // "@NAME" is a name of the configuration. "NAME" is one too where the configuration has it and no file or folder of
  // that name is here: where there is one, kInvalidArgument says how to write which of the two. All else is an address;
  // it is used as it stands, and the configuration is not read for it.
  //
  // The password comes from what `given` names, if that is a file or a command; else from where the configuration says;
  // else from what `given` names beside.
  Result<RepositoryChoice> Choose(const std::string& text, const PasswordSources& given);
  RepositoryChoice ChoiceOf(const ConfiguredRepository& repository, const PasswordSources& given) const;

 private:
  Result<const ConfiguredRepository*> Find(const std::string& text);

  const std::string option_;
  const Environment environment_;
  std::optional<Configuration> configuration_;
};

}  // namespace cairn
