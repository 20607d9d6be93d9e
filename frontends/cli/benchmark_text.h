// A benchmark as a table with sentences, and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/jobs/benchmark_report.h"

namespace cairn {

// Borrows the report.
class BenchmarkText {
 public:
  // `scratch` is the folder in which the store was tried; empty: it was not.
  BenchmarkText(const BenchmarkReport& report, int level, std::string scratch)
      : report_(report), level_(level), scratch_(std::move(scratch)) {}

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
  const std::string scratch_;
};

}  // namespace cairn
