// Names in the encoding of a database. Private to frontends/export.
#pragma once

#include <memory>
#include <string>

#include "repo-format/base/result.h"

namespace cairn::exports {

// From UTF-8 to an encoding of PostgreSQL's, by its name ("LATIN1"). UTF8 and SQL_ASCII keep bytes as they are. One
// thread at a time.
class PgEncoder {
 public:
  explicit PgEncoder(std::string encoding);
  ~PgEncoder();
  PgEncoder(const PgEncoder&) = delete;
  PgEncoder& operator=(const PgEncoder&) = delete;

  // kInvalidArgument where the text cannot be said in it, or where this machine does not know the encoding and the text
  // is not ASCII.
  Result<std::string> Encode(const std::string& text) const;

 private:
  struct Converter;
  const std::string encoding_;
  std::unique_ptr<Converter> converter_;  // nothing: bytes as they are, or not known
};

}  // namespace cairn::exports
