#include "frontends/config/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/support/matchers.h"
#include "tests/support/temp_folder.h"

namespace cairn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kRepositories = R"([repository.local]
address = "/srv/backup"
[repository.nas]
address = "sftp:backup@nas:/cairn"
)";

std::string MessageOf(const std::string& text) {
  const auto read = ParseConfiguration(text, "c.toml");
  return read ? "no error" : read.error().message();
}
// Of a job in a file with two repositories; its first line is 5.
std::string MessageOfJob(const std::string& lines) {
  return MessageOf(kRepositories + std::string("[job.a]\nto = \"local\"\npaths = [\"/etc\"]\n") + lines);
}

TEST(ConfigFile, TakesEverythingThatAJobSays) {
  ASSERT_OK_AND_ASSIGN(const Configuration config, ParseConfiguration(R"(
[repository.local]
address = "/srv/backup"
password-file = "/etc/cairn/password"
[repository.off-site]
address = "s3:https://s3.example.org/bucket/shop"
password-command = "pass show offsite"
cache-dir = "/var/cache/offsite"
limit-upload = "4M"
limit-download = 1000000
store = { "s3.region" = "eu-1" }

[job.shop]
to = "local"
paths = ["/etc", "/srv/www"]
exclude = "*.tmp"
exclude-caches = true
exclude-larger-than = "1G"
one-file-system = true
sqlite = ["/srv/app/app.db"]
postgres = "env:SHOP"
table = ["orders"]
jobs = 3
stdin-command = ["redis-cli", "--rdb", "-"]
stdin-filename = "redis.rdb"
set = { site = "/srv/site", other = "sqlite:/srv/other.db" }
tag = ["daily,shop", "x"]
host = "web1"
compression = 3
schedule = ["0 2 * * *", "@weekly"]
copies = ["off-site"]
[job.shop.retention]
keep-daily = 7
keep-last = "unlimited"
keep-within = "1m"
keep-tag = "keep,for-ever"
max-unused = "10%"
[job.shop.hooks]
before = "systemctl stop app"
after = ["systemctl", "start", "app"]
on-failure = { command = "mail root", time-limit = "30s" }
time-limit = "10m"
)",
                                                                      "c.toml"));
  const ConfiguredRepository* offsite = config.FindRepository("off-site");
  ASSERT_NE(offsite, nullptr);
  EXPECT_EQ(offsite->address, "s3:https://s3.example.org/bucket/shop");
  EXPECT_EQ(offsite->password_command, "pass show offsite");
  EXPECT_EQ(offsite->limit_upload, "4M");
  EXPECT_EQ(offsite->limit_download, "1000000");
  EXPECT_THAT(offsite->store_settings, ElementsAre("s3.region=eu-1"));
  const ConfiguredJob* job = config.FindJob("shop");
  ASSERT_NE(job, nullptr);
  EXPECT_EQ(job->to, "local");
  EXPECT_THAT(job->items.paths, ElementsAre("/etc", "/srv/www"));
  EXPECT_THAT(job->items.excludes, ElementsAre("*.tmp"));
  EXPECT_TRUE(job->items.exclude_caches && job->items.one_file_system);
  EXPECT_EQ(job->items.exclude_larger_than, "1G");
  EXPECT_THAT(job->items.postgres, ElementsAre("env:SHOP"));
  EXPECT_EQ(job->items.sessions, 3U);
  EXPECT_THAT(job->items.command, ElementsAre("redis-cli", "--rdb", "-"));
  EXPECT_THAT(job->items.sets, ElementsAre("other=sqlite:/srv/other.db", "site=/srv/site"));
  EXPECT_THAT(job->tags, ElementsAre("daily,shop", "x"));
  EXPECT_EQ(job->compression, "3");
  EXPECT_THAT(job->schedules, ElementsAre("0 2 * * *", "@weekly"));
  ASSERT_EQ(job->copies.size(), 1U);
  EXPECT_EQ(job->copies[0].to, "off-site");
  EXPECT_FALSE(job->copies[0].retention);
  ASSERT_TRUE(job->retention);
  EXPECT_EQ(job->retention->policy.daily, 7U);
  EXPECT_EQ(job->retention->policy.last, RetentionPolicy::kUnlimited);
  EXPECT_EQ(job->retention->policy.within.months, 1U);
  EXPECT_THAT(job->retention->policy.keep_tags, ElementsAre(ElementsAre("keep", "for-ever")));
  EXPECT_TRUE(job->retention->prune);
  EXPECT_EQ(job->hooks.before.shell, "systemctl stop app");
  EXPECT_EQ(job->hooks.before.time_limit_s, 600U);
  EXPECT_THAT(job->hooks.after.program, ElementsAre("systemctl", "start", "app"));
  EXPECT_EQ(job->hooks.on_failure.time_limit_s, 30U);
  EXPECT_FALSE(job->hooks.on_success.is_given());
}

TEST(ConfigFile, EachCopyHasARetentionOfItsOwn) {
  ASSERT_OK_AND_ASSIGN(const Configuration config, ParseConfiguration(kRepositories + std::string(R"(
[repository.cloud]
address = "/srv/cloud"
[job.a]
to = "local"
paths = ["/etc"]
[[job.a.copies]]
to = "nas"
retention = { keep-daily = 30 }
[[job.a.copies]]
to = "cloud"
[job.a.copies.retention]
keep-last = 2
prune = false
)"),
                                                                      "c.toml"));
  const auto& copies = config.jobs.at(0).copies;
  ASSERT_EQ(copies.size(), 2U);
  EXPECT_EQ(copies[0].retention->policy.daily, 30U);
  EXPECT_EQ(copies[1].to, "cloud");
  EXPECT_EQ(copies[1].retention->policy.last, 2U);
  EXPECT_FALSE(copies[1].retention->prune);
}

TEST(ConfigFile, NamesPlaceAndKeyOfWhatIsWrong) {
  const std::map<std::string, std::string> cases = {
      {"retension = { keep-daily = 7 }\n",
       R"(c.toml:8:1: job.a.retension: there is no such key; did you mean "retention"?)"},
      {"exclde = [\"x\"]\n", R"(c.toml:8:1: job.a.exclde: there is no such key; did you mean "exclude"?)"},
      {"colour = 1\n", "c.toml:8:1: job.a.colour: there is no such key; there are to, paths, "},
      {"exclude-caches = 1\n", "c.toml:8:18: job.a.exclude-caches: it is an integer, expected true or false"},
      {"host = [\"x\"]\n", "c.toml:8:8: job.a.host: it is an array, expected a string"},
      {"tag = [\"x\", 7]\n", "c.toml:8:13: job.a.tag: one of them is an integer, expected a string"},
      {"tag = [\"x\", \",\"]\n", "c.toml:8:13: job.a.tag: \",\": a tag has"},
      {"jobs = 65\n", "c.toml:8:8: job.a.jobs: it is 65, expected 1 to 64"},
      {"compression = \"some\"\n", "c.toml:8:15: job.a.compression: \"some\" is no compression"},
      {"exclude-larger-than = \"big\"\n", "c.toml:8:23: job.a.exclude-larger-than: \"big\" is no size"},
      {"sqlite = \"app.db\"\n", "c.toml:8:10: job.a.sqlite: \"app.db\" begins nowhere: write the whole path"},
      {"set = [\"site\"]\n", "c.toml:8:8: job.a.set: \"site\": write NAME=PATH"},
      {"postgres = \"postgresql://me:secret@db/shop\"\n", "c.toml:8:12: job.a.postgres: it holds a password"},
      {"postgres = \"host=db password=secret\"\n", "c.toml:8:12: job.a.postgres: it holds a password"},
      {"stdin-filename = \"x\"\n", "job.a.stdin-filename: it names a stream: give stdin-command too"},
      {"stdin-command = []\n", "c.toml:8:17: job.a.stdin-command: there is no command"},
      {"copies = [\"nsa\"]\n",
       R"(c.toml:8:11: job.a.copies: there is no [repository.nsa] in this file; did you mean "nas"?)"},
      {"copies = [\"nas\", \"nas\"]\n", "c.toml:8:18: job.a.copies: nas is there twice: name it once"},
      {"copies = [\"local\"]\n", "c.toml:8:11: job.a.copies: local is what the job backs up into, and would be copied"},
      {"copies = [7]\n", "c.toml:8:11: job.a.copies: one of them is an integer, expected the name of a repository"},
      {"copies = [{ retention = {} }]\n", "c.toml:8:11: job.a.copies.to: it names no repository"},
      {"retention = {}\n", "c.toml:8:1: job.a.retention: it keeps nothing: give at least one"},
      {"retention = { keep-daily = \"x\" }\n",
       "c.toml:8:28: job.a.retention.keep-daily: \"x\" is neither a number nor"},
      {"retention = { keep-daily = -2 }\n", "c.toml:8:28: job.a.retention.keep-daily: \"-2\" is neither a number nor"},
      {"retention = { keep-within = \"5x\" }\n", "c.toml:8:29: job.a.retention.keep-within: \"5x\" is no span of time"},
      {"hooks = { befor = \"x\" }\n",
       R"(c.toml:8:11: job.a.hooks.befor: there is no such key; did you mean "before"?)"},
      {"hooks = { before = 7 }\n", "c.toml:8:20: job.a.hooks.before: it is an integer, expected a command"},
      {"hooks = { before = \"\" }\n", "c.toml:8:20: job.a.hooks.before: there is no command"},
      {"hooks = { time-limit = \"1d\" }\n", "c.toml:8:24: job.a.hooks.time-limit: \"1d\" is no time limit"},
      {"schedule = \"0 25 * * *\"\n", "c.toml:8:12: job.a.schedule: \"0 25 * * *\": hour is \"25\", expected 0 to 23"},
      {"schedule = \"at noon\"\n", "c.toml:8:12: job.a.schedule: \"at noon\" is no schedule"},
      {"schedule = \"@daily\"\ntime-zone = \"CEST-ish\"\n",
       "c.toml:9:13: job.a.time-zone: \"CEST-ish\" is no time zone"},
      {"tag = [\"x\", \"y,job:b\"]\n", "c.toml:8:13: job.a.tag: \"job:b\": tags that begin with job: are"},
      {"tag = \"job:a\"\nhost = 1\n", "c.toml:9:8: job.a.host"},
      {"time-zone = \"UTC\"\n", "job.a.time-zone: it is that of a schedule: give schedule too"},
      {"host = \"a\\u0000b\"\n", "c.toml:8:8: a text with a character 0 in it"},
      {"paths = [\"/a\", \"/b\\u0000\"]\n", "cannot redefine"},
      {"exclude = [\"/a\", \"/b\\u0000\"]\n", "c.toml:8:18: a text with a character 0 in it"},
      {"hooks = { before = [\"x\", \"\\u0000\"] }\n", "c.toml:8:26: a text with a character 0 in it"},
      {"postgres = \"host=h password = hunter2\"\n", "c.toml:8:12: job.a.postgres: it holds a password"},
      {"postgres = \"postgresql://h/d?sslpassword=hunter2\"\n", "c.toml:8:12: job.a.postgres: it holds a password"},
      {"to = \"nas\"\n", "cannot redefine existing string 'to'"},
      {"host = \"x\n", "c.toml:8:"},  // no TOML
  };
  for (const auto& [lines, message] : cases) EXPECT_THAT(MessageOfJob(lines), HasSubstr(message)) << lines;
}

TEST(ConfigFile, RefusesWhatARepositoryMustNotSay) {
  const auto message = [](const std::string& lines) { return MessageOf("[repository.nas]\n" + lines); };
  EXPECT_THAT(message(""), HasSubstr("c.toml:1:13: repository.nas: it has no address"));
  EXPECT_THAT(message("address = \"/x\"\npassword = \"hunter2\"\n"),
              HasSubstr("c.toml:3:1: repository.nas.password: no password is written into the configuration"));
  EXPECT_EQ(message("address = \"/x\"\npassword = \"hunter2\"\n").find("hunter2"), std::string::npos);
  EXPECT_THAT(message("address = \"webdav:https://me:hunter2@host/x\"\n"),
              HasSubstr("c.toml:2:11: repository.nas.address: it holds a password"));
  EXPECT_THAT(message("address = \"/x\"\npassword-file = \"hunter2\"\n"),
              HasSubstr("c.toml:3:17: repository.nas.password-file: it is no whole path"));
  EXPECT_EQ(message("address = \"/x\"\npassword-file = \"hunter2\"\n").find("hunter2"), std::string::npos);
  EXPECT_THAT(message("address = \"backup\"\n"), HasSubstr("c.toml:2:11: repository.nas.address: \"backup\" begins"));
  EXPECT_THAT(message("address = \"/x\"\npassword-file = \"/p\"\npassword-env = \"P\"\n"),
              HasSubstr("repository.nas: the password comes from one place"));
  EXPECT_THAT(message("address = \"/x\"\nstore = { \"s3.regoin\" = \"x\" }\n"),
              HasSubstr("c.toml:3:11: repository.nas.store.\"s3.regoin\": there is no setting"));
  EXPECT_THAT(message("address = \"/x\"\nstore = { s3.region = \"x\" }\n"), HasSubstr("in quotes"));
  EXPECT_THAT(message("address = \"/x\"\nlimit-upload = \"fast\"\n"),
              HasSubstr("c.toml:3:16: repository.nas.limit-upload"));
  EXPECT_THAT(MessageOf("[repository.NAS]\naddress = \"/x\"\n"),
              HasSubstr("c.toml:1:13: repository.NAS: no repository"));
  EXPECT_THAT(MessageOf("[repositry.nas]\naddress = \"/x\"\n"),
              HasSubstr(R"(repositry: there is no such key; did you mean "repository"?)"));
}

TEST(ConfigFile, RefusesJobsWithoutWhatTheyNeed) {
  const auto message = [](const std::string& lines) { return MessageOf(kRepositories + lines); };
  EXPECT_THAT(message("[job.a]\npaths = \"/etc\"\n"), HasSubstr("job.a.to: it names no repository"));
  EXPECT_THAT(message("[job.a]\nto = \"local\"\n"), HasSubstr("job.a: nothing to back up: give paths"));
  EXPECT_THAT(message("[job.a]\nto = \"/srv/x\"\npaths = \"/etc\"\n"),
              HasSubstr("job.a.to: there is no [repository./srv/x] in this file; there are local, nas"));
  EXPECT_THAT(message("[repository.again]\naddress = \"local:/srv/backup/\"\n[job.a]\nto = \"local\"\n"
                      "paths = \"/etc\"\ncopies = [\"again\"]\n"),
              HasSubstr("local and again are the same repository by two names"));
}

class ConfigFolder : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const std::string path = folder_.path() + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  std::optional<ConfigPlace> Find(const std::string& option) {
    return FindConfigFile(option, [this](const char* name) { return environment_[name]; });
  }
  TempFolder folder_ = TempFolder::InMemory();
  std::map<std::string, std::string> environment_;
};

TEST_F(ConfigFolder, IsLookedForWhereUsersPutIt) {
  const std::string home = Write(".config/cairn/cairn.toml", "");
  const std::string xdg = Write("xdg/cairn/cairn.toml", "");
  environment_["HOME"] = folder_.path();
  EXPECT_EQ(Find("")->path, home);
  environment_["XDG_CONFIG_HOME"] = folder_.path() + "/xdg";
  EXPECT_EQ(Find("")->path, xdg);
  EXPECT_FALSE(Find("")->is_named);
  environment_["CAIRN_CONFIG"] = "/elsewhere";
  EXPECT_EQ(Find("")->path, "/elsewhere");
  EXPECT_EQ(Find("/option")->path, "/option");
  EXPECT_TRUE(Find("/option")->is_named);
}

TEST_F(ConfigFolder, MayBeReadByOthersButNotWritten) {
  const std::string path = Write("c.toml", kRepositories, 0644);
  ASSERT_OK_AND_ASSIGN(const Configuration config, ReadConfigFile(path));
  EXPECT_EQ(config.repositories.size(), 2U);
  EXPECT_THAT(config.jobs, IsEmpty());
  for (const mode_t mode : {0620, 0602, 0666}) {
    ::chmod(path.c_str(), mode);
    const auto refused = ReadConfigFile(path);
    ASSERT_FALSE(refused) << std::oct << mode;
    EXPECT_EQ(refused.error().code(), ErrorCode::kPermission);
    EXPECT_THAT(refused.error().message(), HasSubstr("chmod go-w " + path));
  }
}

TEST_F(ConfigFolder, MustNotBeExchangedByOthers) {
  const std::string path = Write("open/c.toml", kRepositories);
  ::chmod((folder_.path() + "/open").c_str(), 0777);
  const auto refused = ReadConfigFile(path);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("chmod o-w"));
  ::chmod((folder_.path() + "/open").c_str(), 01777);
  EXPECT_OK(ReadConfigFile(path));
}

TEST_F(ConfigFolder, OfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give a file away";
  const std::string path = Write("c.toml", kRepositories);
  ASSERT_EQ(::chown(path.c_str(), 1234, 0), 0);
  const auto refused = ReadConfigFile(path);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("belongs to user 1234"));
}

TEST(ConfiguredNames, AreNoAddresses) {
  for (const char* name : {"nas", "off-site", "a_1", "7"}) EXPECT_TRUE(IsConfiguredName(name)) << name;
  for (const char* name : {"", "./nas", "/nas", "s3:x", "NAS", "a b", "na.s"})
    EXPECT_FALSE(IsConfiguredName(name)) << name;
}

}  // namespace
}  // namespace cairn
