// A benchmark as a table with sentences, and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/jobs/benchmark_report.h"

namespace cairn {

// Where the store was tried.
struct TriedFolder {
  std::string path;  // empty: nowhere
  std::string left;  // why it is still there; empty: it is gone
};

// Borrows the report.
class BenchmarkText {
 public:
  BenchmarkText(const BenchmarkReport& report, int level, TriedFolder tried)
      : report_(report), level_(level), tried_(std::move(tried)) {}

  std::string Text() const;
  nlohmann::json Json() const;

 private:
  std::string Label(Measure measure) const;
  std::string RateText(Measure measure, double rate) const;
  std::string Tables() const;
  std::string Notes() const;
  std::string Data() const;
  // "a first backup is held back by ..."
  std::string Sentence(const std::string& what, const Bounds& bounds) const;

  const BenchmarkReport& report_;
  const int level_;
  const TriedFolder tried_;
};

}  // namespace cairn
