#include "engine/store/rclone/json.h"

#include <vector>

#include "tests/support/matchers.h"

namespace cairn::rclone {
namespace {

TEST(Json, QuotesWhatWouldEndAText) {
  EXPECT_EQ(JsonQuoted("a \"b\" \\ c\n\x1f é"), "\"a \\\"b\\\" \\\\ c\\u000a\\u001f é\"");
}

TEST(Json, TellsTheScalarsOfAnObject) {
  ASSERT_OK_AND_ASSIGN(
      const auto members,
      ParseJsonObject(" {\"Path\" : \"a\\/\\u00e9\\ud83d\\ude00\\n\", \"Size\":-1,\"IsDir\":false,\"x\":null,"
                      "\"deep\":{\"Size\":[1,{\"y\":\"}]\"}]}} "));
  EXPECT_EQ(members, (std::map<std::string, std::string>{{"Path", "a/é😀\n"}, {"Size", "-1"}, {"IsDir", "false"}}));
  ASSERT_OK_AND_ASSIGN(const auto none, ParseJsonObject("{}"));
  EXPECT_TRUE(none.empty());
}

TEST(Json, RefusesWhatIsNoObject) {
  const std::string deep(100, '[');
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{"), std::string("{\"a\":1"), std::string("{\"a\" 1}"),
        std::string("{\"a\":\"b}"), std::string("{\"a\":1}x"), std::string("{a:1}"), std::string("{\"a\":\"\\u12\"}"),
        std::string("{\"a\":\"\\q\"}"), std::string("{\"a\":}"), "{\"a\":" + deep + "}"}) {
    EXPECT_THAT(ParseJsonObject(text), ErrorCodeIs(ErrorCode::kCorrupt)) << text;
  }
}

Result<std::vector<std::string>> ObjectsOf(std::string_view text, size_t piece_bytes) {
  std::vector<std::string> objects;
  JsonListReader reader([&](std::string_view object) -> Result<void> {
    objects.emplace_back(object);
    return {};
  });
  for (size_t at = 0; at < text.size(); at += piece_bytes) {
    RETURN_IF_ERROR(reader.Push(AsBytes(text.substr(at, piece_bytes))));
  }
  RETURN_IF_ERROR(reader.Finish());
  return objects;
}

TEST(JsonListReader, TellsEachObjectHoweverItIsCut) {
  const std::string_view text = "{\n\t\"list\": [\n{\"a\":\"}]\\\"{\\\\\"}, {\"b\":{\"c\":[1]}}\n]\n}\n";
  const std::vector<std::string> objects = {"{\"a\":\"}]\\\"{\\\\\"}", "{\"b\":{\"c\":[1]}}"};
  for (const size_t piece : {1, 2, 7, 1000}) EXPECT_THAT(ObjectsOf(text, piece), IsOkAnd(objects)) << piece;
  EXPECT_THAT(ObjectsOf("{\"list\":[]}", 3), IsOkAnd(std::vector<std::string>()));
}

TEST(JsonListReader, RefusesWhatIsNotWhole) {
  const std::string whole = "{\"list\":[{\"a\":1},{\"b\":2}]}";
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(ObjectsOf(whole.substr(0, size), 5), ErrorCodeIs(ErrorCode::kCorrupt)) << size;
  }
  for (const char* text : {"[]", "{}", "{\"list\":{}}", "{\"list\":null}", "{\"list\":[]}{", "{\"list\":[}]"}) {
    EXPECT_THAT(ObjectsOf(text, 5), ErrorCodeIs(ErrorCode::kCorrupt)) << text;
  }
}

TEST(JsonListReader, BoundsAnObject) {
  EXPECT_THAT(ObjectsOf("{\"list\":[{\"a\":\"" + std::string(100'000, 'x') + "\"}]}", 1000),
              ErrorCodeIs(ErrorCode::kCorrupt));
}

}  // namespace
}  // namespace cairn::rclone
