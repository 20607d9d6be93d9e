// What a store asks for bytes and requests.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "engine/store/counting_store.h"
#include "repo-format/base/result.h"

namespace cairn {

// Of a storage class, in the list's currency.
struct ClassPrices {
  double gb_month = 0;                                           // a GB for a month
  double puts = 0, gets = 0, lists = 0, heads = 0, removes = 0;  // 1,000 of them
  double gb_read = 0;                                            // a GB read, beside what leaves the store
  uint64_t least_bytes = 0;                                      // a smaller object is billed as if it had so many
};

// As tools/prices/amazon.json has it: a value that exists is whole. kInvalidArgument names what is wrong.
struct PriceList {
  std::string name, date, currency;
  uint64_t gb_bytes = 0;
  double gb_out = 0;       // a GB that leaves the store
  std::string rest_class;  // of what is not a data pack
  std::map<std::string, ClassPrices> classes;

  static Result<PriceList> Parse(std::string_view json);
  // kNotFound names those that there are.
  Result<const ClassPrices*> Find(const std::string& wanted) const;
};

// Objects of a store, as they are and as a class bills them.
struct HeldObjects {
  uint64_t objects = 0, bytes = 0, billed_bytes = 0;
};

// Of a month, by what it is for.
struct MonthlyCost {
  double storage = 0, requests = 0, reading = 0;
  double total() const { return storage + requests + reading; }
};
MonthlyCost CostOfMonth(const PriceList& prices, const ClassPrices& data, const ClassPrices& rest,
                        const HeldObjects& data_held, const HeldObjects& rest_held, const RequestCounts& month);

}  // namespace cairn
