#include "frontends/postgres/description.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "frontends/postgres/connection.h"
#include "repo-format/base/units.h"

namespace cairn::postgres {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kForm = 1;  // Never renumber.
constexpr size_t kDescriptionBytesMax = 256 * kMiB;

constexpr std::array<std::pair<NoRows, const char*>, 5> kNoRowsWords = {{{NoRows::kPartitioned, "partitioned"},
                                                                         {NoRows::kForeign, "foreign"},
                                                                         {NoRows::kMaterialized, "materialized view"},
                                                                         {NoRows::kUnloggedOnStandby, "unlogged"},
                                                                         {NoRows::kNotChosen, "not chosen"}}};

Json ToJson(const std::vector<Grant>& grants) {
  Json all = Json::array();
  for (const Grant& grant : grants) {
    all.push_back({{"to", grant.grantee}, {"privilege", grant.privilege}, {"grantable", grant.grantable}});
  }
  return all;
}

Json ToJson(const TableDescription& table) {
  Json columns = Json::array();
  for (const Column& column : table.columns) {
    Json one = {{"name", column.name}, {"type", column.type}};
    if (column.not_null) one["not_null"] = true;
    if (column.generated) one["generated"] = true;
    if (!column.identity.empty()) one["identity"] = column.identity;
    columns.push_back(std::move(one));
  }
  Json json = {{"schema", table.name.schema}, {"name", table.name.name}};
  for (const auto& [why, word] : kNoRowsWords) {
    if (why == table.no_rows) json["no_rows"] = word;
  }
  if (table.is_unlogged) json["unlogged"] = true;
  if (!table.file.empty()) json["file"] = table.file;
  if (table.rows) json["rows"] = *table.rows;
  if (table.condition) json["condition"] = *table.condition;
  if (table.by_key) json["by_key"] = true;
  if (!table.key.empty()) json["key"] = table.key;
  json["columns"] = std::move(columns);
  return json;
}

Json ToJson(const DatabaseProperties& properties) {
  Json json = {{"name", properties.name},       {"owner", properties.owner}, {"encoding", properties.encoding},
               {"collate", properties.collate}, {"ctype", properties.ctype}, {"provider", properties.provider}};
  if (!properties.locale.empty()) json["locale"] = properties.locale;
  if (!properties.icu_rules.empty()) json["icu_rules"] = properties.icu_rules;
  if (!properties.collation_version.empty()) json["collation_version"] = properties.collation_version;
  json["connection_limit"] = properties.connection_limit;
  if (properties.grants) json["grants"] = ToJson(*properties.grants);
  if (properties.comment) json["comment"] = *properties.comment;
  Json settings = Json::array();
  for (const RoleSetting& setting : properties.settings) {
    settings.push_back({{"role", setting.role}, {"name", setting.name}, {"value", setting.value}});
  }
  json["settings"] = std::move(settings);
  return json;
}

std::vector<Grant> ReadGrants(const Json& json) {
  std::vector<Grant> grants;
  for (const Json& one : json) {
    grants.push_back({one.at("to"), one.at("privilege"), one.at("grantable")});
  }
  return grants;
}

TableDescription ReadTable(const Json& json) {
  TableDescription table;
  table.name = {json.at("schema"), json.at("name")};
  if (json.contains("no_rows")) {
    table.no_rows = NoRows::kNotChosen;
    for (const auto& [why, word] : kNoRowsWords) {
      if (json.at("no_rows") == word) table.no_rows = why;
    }
  }
  table.is_unlogged = json.value("unlogged", false);
  table.file = json.value("file", "");
  if (json.contains("rows")) table.rows = json.at("rows").get<uint64_t>();
  if (json.contains("condition")) table.condition = json.at("condition").get<std::string>();
  table.by_key = json.value("by_key", false);
  if (json.contains("key")) table.key = json.at("key").get<std::vector<std::string>>();
  for (const Json& one : json.at("columns")) {
    table.columns.push_back({one.at("name"), one.at("type"), one.value("not_null", false),
                             one.value("generated", false), one.value("identity", "")});
  }
  return table;
}

DatabaseProperties ReadProperties(const Json& json) {
  DatabaseProperties properties;
  properties.name = json.at("name");
  properties.owner = json.at("owner");
  properties.encoding = json.at("encoding");
  properties.collate = json.at("collate");
  properties.ctype = json.at("ctype");
  properties.provider = json.at("provider");
  properties.locale = json.value("locale", "");
  properties.icu_rules = json.value("icu_rules", "");
  properties.collation_version = json.value("collation_version", "");
  properties.connection_limit = json.at("connection_limit");
  if (json.contains("grants")) properties.grants = ReadGrants(json.at("grants"));
  if (json.contains("comment")) properties.comment = json.at("comment").get<std::string>();
  for (const Json& one : json.at("settings")) {
    properties.settings.push_back({one.at("role"), one.at("name"), one.at("value")});
  }
  return properties;
}

DatabaseDescription Read(const Json& json) {
  DatabaseDescription all;
  const Json& server = json.at("server");
  all.server_version = server.at("version");
  all.server_text = server.at("text");
  all.system = server.value("system", "");
  all.dumped_by = json.at("dumped_by");
  all.text_encoding = json.at("text_encoding");
  all.has_schema = json.at("has_schema");
  all.has_rows = json.at("has_rows");
  all.chosen = json.at("chosen").get<std::vector<std::string>>();
  all.excluded = json.at("excluded").get<std::vector<std::string>>();
  all.properties = ReadProperties(json.at("database"));
  for (const Json& one : json.at("extensions")) {
    all.extensions.push_back({one.at("name"), one.at("version"), one.at("schema")});
  }
  all.roles = json.at("roles").get<std::vector<std::string>>();
  for (const Json& one : json.at("tables")) all.tables.push_back(ReadTable(one));
  for (const Json& one : json.at("sequences")) {
    all.sequences.push_back({{one.at("schema"), one.at("name")}, one.at("last_value"), one.at("is_called")});
  }
  for (const Json& one : json.at("large_objects")) {
    LargeObject object;
    object.oid = one.at("oid");
    object.owner = one.at("owner");
    if (one.contains("grants")) object.grants = ReadGrants(one.at("grants"));
    if (one.contains("comment")) object.comment = one.at("comment").get<std::string>();
    all.large_objects.push_back(std::move(object));
  }
  return all;
}

}  // namespace

std::string TableName::Quoted() const { return QuoteName(schema) + "." + QuoteName(name); }
std::string TableName::ForPeople() const { return schema + "." + name; }

std::string TableDescription::ColumnList() const {
  std::string list;
  for (const Column& column : columns) {
    if (!column.generated) list += (list.empty() ? "(" : ", ") + QuoteName(column.name);
  }
  return list.empty() ? list : list + ")";
}

std::string DatabaseDescription::Encode() const {
  Json json = {{"format", kForm},
               {"server", {{"version", server_version}, {"text", server_text}}},
               {"dumped_by", dumped_by},
               {"text_encoding", text_encoding},
               {"has_schema", has_schema},
               {"has_rows", has_rows},
               {"chosen", chosen},
               {"excluded", excluded},
               {"database", ToJson(properties)}};
  if (!system.empty()) json["server"]["system"] = system;
  Json list = Json::array();
  for (const Extension& one : extensions) {
    list.push_back({{"name", one.name}, {"version", one.version}, {"schema", one.schema}});
  }
  json["extensions"] = std::move(list);
  json["roles"] = roles;
  list = Json::array();
  for (const TableDescription& table : tables) list.push_back(ToJson(table));
  json["tables"] = std::move(list);
  list = Json::array();
  for (const SequenceDescription& one : sequences) {
    list.push_back({{"schema", one.name.schema},
                    {"name", one.name.name},
                    {"last_value", one.last_value},
                    {"is_called", one.is_called}});
  }
  json["sequences"] = std::move(list);
  list = Json::array();
  for (const LargeObject& one : large_objects) {
    Json object = {{"oid", one.oid}, {"owner", one.owner}};
    if (one.grants) object["grants"] = ToJson(*one.grants);
    if (one.comment) object["comment"] = *one.comment;
    list.push_back(std::move(object));
  }
  json["large_objects"] = std::move(list);
  // A database without an encoding (SQL_ASCII) may have names that are no text.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<DatabaseDescription> DatabaseDescription::Parse(ByteSpan text) {
  if (text.size() > kDescriptionBytesMax) {
    return Corrupt("{} has {} bytes, at most {} are read", kDescriptionFile, text.size(), kDescriptionBytesMax);
  }
  try {
    const Json json = Json::parse(text.begin(), text.end());
    const int form = json.at("format");
    if (form != kForm) {
      return MakeError(ErrorCode::kUnsupported, "{} has format {}, this version of cairn knows {}", kDescriptionFile,
                       form, kForm);
    }
    return Read(json);
  } catch (const std::exception& error) {
    return Corrupt("{} cannot be read: {}", kDescriptionFile, error.what());
  }
}

Result<void> NeedPrivilege(const std::string& privilege) {
  const bool is_word = privilege.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ ") == std::string::npos;
  return is_word && !privilege.empty() ? Result<void>() : Corrupt("\"{}\" is no privilege", privilege);
}

std::string FileNameOf(const std::string& name) {
  std::string text;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    // "]" for the mark of a database that is kept.
    const bool is_odd = c < 0x20 || c == 0x7f || c == '/' || c == '\\' || c == '%' || c == ']' || (c == '.' && i == 0);
    if (is_odd) {
      text += fmt::format("%{:02X}", c);
    } else {
      text += name[i];
    }
  }
  return text;
}

std::string NameOfFile(const std::string& file) {
  const auto value = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
  std::string name;
  for (size_t i = 0; i < file.size(); ++i) {
    const bool is_code = file[i] == '%' && i + 2 < file.size() && value(file[i + 1]) >= 0 && value(file[i + 2]) >= 0;
    name += is_code ? static_cast<char>(value(file[i + 1]) * 16 + value(file[i + 2])) : file[i];
    if (is_code) i += 2;
  }
  return name;
}

}  // namespace cairn::postgres
