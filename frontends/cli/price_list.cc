#include "frontends/cli/price_list.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace cairn {
namespace {

using Json = nlohmann::json;

Error Wrong(std::string_view what) {
  return MakeError(ErrorCode::kInvalidArgument, "the price list: {} (tools/prices/amazon.json is an example)", what);
}

Result<double> Price(const Json& from, const char* name, bool needed) {
  const auto found = from.find(name);
  if (found == from.end() && !needed) return 0.0;
  if (found == from.end() || !found->is_number()) return Wrong(fmt::format("{} is no number", name));
  const double value = found->get<double>();
  if (!std::isfinite(value) || value < 0) return Wrong(fmt::format("{} is {}", name, value));
  return value;
}

Result<ClassPrices> ParseClass(const Json& from) {
  if (!from.is_object()) return Wrong("a class is no object");
  ClassPrices prices;
  ASSIGN_OR_RETURN(prices.gb_month, Price(from, "gb_month", true));
  ASSIGN_OR_RETURN(prices.puts, Price(from, "puts_1000", true));
  ASSIGN_OR_RETURN(prices.gets, Price(from, "gets_1000", true));
  ASSIGN_OR_RETURN(prices.lists, Price(from, "lists_1000", true));
  ASSIGN_OR_RETURN(prices.heads, Price(from, "heads_1000", true));
  ASSIGN_OR_RETURN(prices.removes, Price(from, "removes_1000", false));
  ASSIGN_OR_RETURN(prices.gb_read, Price(from, "gb_read", false));
  ASSIGN_OR_RETURN(const double least, Price(from, "least_bytes", false));
  if (least > 1e12) return Wrong("least_bytes is too much");
  prices.least_bytes = static_cast<uint64_t>(least);
  return prices;
}

std::string Text(const Json& from, const char* name) {
  const auto found = from.find(name);
  return found != from.end() && found->is_string() ? found->get<std::string>() : "";
}

double Of1000(uint64_t count, double price) { return static_cast<double>(count) / 1'000 * price; }

}  // namespace

Result<PriceList> PriceList::Parse(std::string_view json) {
  const Json from = Json::parse(json, nullptr, false);
  if (!from.is_object()) return Wrong("it is no JSON object");
  PriceList list;
  list.name = Text(from, "name");
  list.date = Text(from, "date");
  list.currency = Text(from, "currency");
  list.rest_class = Text(from, "rest_class");
  ASSIGN_OR_RETURN(const double gb_bytes, Price(from, "gb_bytes", true));
  if (gb_bytes < 1e6 || gb_bytes > 1e12) return Wrong("gb_bytes is no GB");
  list.gb_bytes = static_cast<uint64_t>(gb_bytes);
  ASSIGN_OR_RETURN(list.gb_out, Price(from, "gb_out", false));
  const auto classes = from.find("classes");
  if (classes == from.end() || !classes->is_object() || classes->empty()) return Wrong("it has no classes");
  for (const auto& [name, one] : classes->items()) {
    auto prices = ParseClass(one);
    if (!prices) return std::move(prices).error().While(name);
    list.classes.emplace(name, *prices);
  }
  RETURN_IF_ERROR(list.Find(list.rest_class).While("rest_class"));
  return list;
}

Result<const ClassPrices*> PriceList::Find(const std::string& wanted) const {
  const auto found = classes.find(wanted);
  if (found != classes.end()) return &found->second;
  std::string names;
  for (const auto& [one, prices] : classes) names += (names.empty() ? "" : ", ") + one;
  return MakeError(ErrorCode::kNotFound, "the price list has no class \"{}\", but {}", wanted, names);
}

MonthlyCost CostOfMonth(const PriceList& prices, const ClassPrices& data, const ClassPrices& rest,
                        const HeldObjects& data_held, const HeldObjects& rest_held, const RequestCounts& month) {
  const auto gb = [&](uint64_t bytes) { return static_cast<double>(bytes) / static_cast<double>(prices.gb_bytes); };
  MonthlyCost cost;
  cost.storage = gb(data_held.billed_bytes) * data.gb_month + gb(rest_held.billed_bytes) * rest.gb_month;
  cost.requests = Of1000(month.data_puts, data.puts) + Of1000(month.puts - month.data_puts, rest.puts) +
                  Of1000(month.data_gets, data.gets) + Of1000(month.gets - month.data_gets, rest.gets) +
                  Of1000(month.lists, rest.lists) + Of1000(month.heads, rest.heads) +
                  Of1000(month.removes, rest.removes);
  cost.reading = gb(month.data_bytes_down) * data.gb_read +
                 gb(month.bytes_down - month.data_bytes_down) * rest.gb_read + gb(month.bytes_down) * prices.gb_out;
  return cost;
}

}  // namespace cairn
