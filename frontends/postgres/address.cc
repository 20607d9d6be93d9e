#include "frontends/postgres/address.h"

#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace cairn::postgres {
namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

constexpr std::string_view kFromEnvironment = "env:";

struct Default {
  const char* key;
  const char* variable;
  const char* value;
};
constexpr Default kDefaults[] = {
    {"connect_timeout", "PGCONNECT_TIMEOUT", "15"}, {"keepalives_idle", nullptr, "30"},
    {"keepalives_interval", nullptr, "10"},         {"keepalives_count", nullptr, "3"},
    {"tcp_user_timeout", nullptr, "60000"},         {"fallback_application_name", nullptr, "cairn"},
};

}  // namespace

Result<Address> Address::Parse(const std::string& given) {
  std::string text = given;
  const bool is_hidden = text.starts_with(kFromEnvironment);
  if (is_hidden) {
    const std::string name = text.substr(kFromEnvironment.size());
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == 0) {
      return MakeError(ErrorCode::kInvalidArgument, "the environment variable {} is not set", name);
    }
    text = value;
  }
  if (!text.starts_with("postgresql://") && !text.starts_with("postgres://") && !text.empty() &&
      text.find('=') == std::string::npos) {
    text = "dbname='" + text + "'";  // as psql takes a bare name
  }
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(PQconninfoParse(text.c_str(), &message));
  if (message != nullptr) PQfreemem(message);
  if (options == nullptr) {
    return Error(ErrorCode::kInvalidArgument,
                 "the address of the PostgreSQL server cannot be read: give postgresql://user@host:port/database, or "
                 "env:NAME for an environment variable that holds it");
  }
  Address address;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr && *option->val != 0) address.parameters_.emplace_back(option->keyword, option->val);
  }
  if (!address.Value("sslpassword").empty()) {
    return Error(
        ErrorCode::kInvalidArgument,
        "sslpassword cannot be given to pg_dump unseen: use a key file that only you can read, without a password");
  }
  address.shows_password_ = !is_hidden && !address.password().empty();
  return address;
}

Address Address::WithDatabase(const std::string& name) const {
  Address other = *this;
  std::erase_if(other.parameters_, [](const auto& parameter) { return parameter.first == "dbname"; });
  other.parameters_.emplace_back("dbname", name);
  return other;
}

Address::Parameters Address::WithDefaults() const {
  Parameters all;
  for (const Default& one : kDefaults) {
    if (!Value(one.key).empty()) continue;
    if (one.variable == nullptr || std::getenv(one.variable) == nullptr) all.emplace_back(one.key, one.value);
  }
  all.insert(all.end(), parameters_.begin(), parameters_.end());
  return all;
}

std::string Address::WithoutPassword() const {
  std::string text;
  for (const auto& [key, value] : WithDefaults()) {
    if (key == "password") continue;
    text += (text.empty() ? "" : " ") + key + "='";
    for (const char c : value) {
      if (c == '\'' || c == '\\') text += '\\';
      text += c;
    }
    text += "'";
  }
  return text;
}

const std::string& Address::Value(const std::string& key) const {
  static const std::string kNone;
  const auto found = std::ranges::find(parameters_, key, &std::pair<std::string, std::string>::first);
  return found != parameters_.end() ? found->second : kNone;
}

}  // namespace cairn::postgres
