// Where a PostgreSQL server, or one database of it, is.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "repo-format/base/result.h"

namespace cairn::postgres {

// What libpq knows as connection parameters, without what its environment (PGHOST, PGPASSFILE, ...) adds when it
// connects. A value; holds a password, and gives it to nobody but libpq and the environment of a child process.
class Address {
 public:
  // A URI, `key=value` text, or `env:NAME`: the one or the other in an environment variable. kInvalidArgument, which
  // never repeats the text.
  static Result<Address> Parse(const std::string& text);

  // Empty: none was named.
  const std::string& database() const { return Value("dbname"); }
  Address WithDatabase(const std::string& name) const;
  // It stood in the command line, where everybody on the machine can read it.
  bool shows_password() const { return shows_password_; }
  const std::string& password() const { return Value("password"); }

  using Parameters = std::vector<std::pair<std::string, std::string>>;
  // What was given, and what finds out that a network is gone, where neither the address nor the environment says
  // otherwise.
  Parameters WithDefaults() const;
  // WithDefaults as `key='value' ...` for a child process's command line: without the password, which goes by
  // PGPASSWORD.
  std::string WithoutPassword() const;

 private:
  const std::string& Value(const std::string& key) const;
  Parameters parameters_;
  bool shows_password_ = false;
};

}  // namespace cairn::postgres
