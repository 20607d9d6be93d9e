#include "frontends/cli/repository_choice.h"

#include <sys/stat.h>

#include <climits>
#include <cstdlib>

#include "engine/stores/open_store.h"

namespace cairn {

std::string RepositoryChoice::Folder() const {
  const auto folder = LocalFolderOf(address);
  if (!folder) return address;
  char resolved[PATH_MAX];
  return realpath(folder->c_str(), resolved) == nullptr ? address : resolved;
}

Result<const Configuration*> NamedRepositories::Read() {
  if (!configuration_) {
    const auto place = FindConfigFile(option_, environment_);
    if (!place) {
      return MakeError(ErrorCode::kNotFound, "there is no configuration: it is looked for at {}",
                       ConfigFilePlaces(environment_));
    }
    ASSIGN_OR_RETURN(configuration_, ReadConfigFile(place->path));
  }
  return &*configuration_;
}

// nullptr: it is an address.
Result<const ConfiguredRepository*> NamedRepositories::Find(const std::string& text) {
  if (text.starts_with("@")) {
    const std::string name = text.substr(1);
    ASSIGN_OR_RETURN(const Configuration* configuration, Read());
    const ConfiguredRepository* repository = configuration->FindRepository(name);
    if (repository != nullptr) return repository;
    return MakeError(ErrorCode::kInvalidArgument, "there is no [repository.{}] in {}{} (a folder of this name is ./{})",
                     name, configuration->file, configuration->OtherRepositories(name), text);
  }
  if (!IsConfiguredName(text)) return nullptr;
  const auto place = FindConfigFile(option_, environment_);
  if (!place) return nullptr;
  const auto configuration = Read();
  if (!configuration) {
    // One that this user may not read, and has not asked for, is not his.
    if (configuration.error().code() == ErrorCode::kPermission && configuration.error().system_errno() != 0 &&
        !place->is_named) {
      return nullptr;
    }
    return Error(configuration.error()).While(fmt::format("whether \"{}\" is a name of the configuration", text));
  }
  const ConfiguredRepository* repository = (*configuration)->FindRepository(text);
  struct stat status{};
  if (repository == nullptr || ::lstat(text.c_str(), &status) != 0) return repository;
  return MakeError(ErrorCode::kInvalidArgument,
                   "\"{}\" is a repository of {}, and something in this folder: write @{} for the one ({}), ./{} for "
                   "the other",
                   text, (*configuration)->file, text, repository->address, text);
}

RepositoryChoice NamedRepositories::ChoiceOf(const ConfiguredRepository& repository,
                                             const PasswordSources& given) const {
  RepositoryChoice choice{.name = repository.name,
                          .address = repository.address,
                          .store_settings = repository.store_settings,
                          .password = given,
                          .cache_folder = repository.cache_folder,
                          .limit_upload = repository.limit_upload,
                          .limit_download = repository.limit_download};
  const bool is_configured = !repository.password_file.empty() || !repository.password_command.empty() ||
                             !repository.password_variable.empty();
  if (!is_configured || !given.file.empty() || !given.command.empty()) return choice;
  choice.password.file = repository.password_file;
  choice.password.command = repository.password_command;
  choice.password.environment = repository.password_variable;
  return choice;
}

Result<RepositoryChoice> NamedRepositories::Choose(const std::string& text, const PasswordSources& given) {
  ASSIGN_OR_RETURN(const ConfiguredRepository* repository, Find(text));
  if (repository != nullptr) return ChoiceOf(*repository, given);
  return RepositoryChoice{.name = "", .address = text, .store_settings = {}, .password = given};
}

}  // namespace cairn
