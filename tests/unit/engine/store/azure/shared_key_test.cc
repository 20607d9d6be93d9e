// The strings are examples of Microsoft's "Authorize with Shared Key"; it gives no signatures, so that these are of
// another implementation: Python's hmac, of the decoded key and the string.
#include "engine/store/azure/shared_key.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/http/base64.h"

namespace cairn::azure {
namespace {

// The key of the emulator, which is public.
Bytes Key() {
  return http::Base64Decode("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==")
      .value();
}

const Unsigned kMetadata{.method = "GET",
                         .path = "/mycontainer",
                         .query = {{"timeout", "20"}, {"restype", "container"}, {"comp", "metadata"}},
                         .headers = {{"x-ms-version", "2015-02-21"}, {"x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"}}};

TEST(SharedKey, OfTheDocumentedRequest) {
  EXPECT_EQ(StringToSign("myaccount", kMetadata),
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
            "/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20");
  EXPECT_EQ(Authorization("myaccount", Key(), kMetadata),
            "SharedKey myaccount:1u9lui2jDxj0+fpbHjQ5m5NnastJRSYM+PSmfi8TXx4=");
}

TEST(SharedKey, OfAPut) {
  const Unsigned put{.method = "PUT",
                     .path = "/account/container/a%20b",
                     .query = {},
                     .headers = {{"x-ms-blob-type", "BlockBlob"},
                                 {"Content-MD5", "XrY7u+Ae7tCTyyK7j1rNww=="},
                                 {"If-None-Match", "*"},
                                 {"X-Ms-Date", "Fri, 26 Jun 2015 23:39:12 GMT"}},
                     .body_bytes = 11};
  EXPECT_EQ(StringToSign("account", put),
            "PUT\n\n\n11\nXrY7u+Ae7tCTyyK7j1rNww==\n\n\n\n\n*\n\n\nx-ms-blob-type:BlockBlob\n"
            "x-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n/account/account/container/a%20b");
  EXPECT_EQ(Authorization("account", Key(), put), "SharedKey account:MOJA51z0enHROd/tmdtkSPNXO2j4kTJuJABnqlUHmHs=");
}

TEST(SharedKey, OfARange) {
  const Unsigned get{.method = "GET", .path = "/c/b", .query = {}, .headers = {{"Range", "bytes=1-2"}}};
  EXPECT_EQ(StringToSign("a", get), "GET\n\n\n\n\n\n\n\n\n\n\nbytes=1-2\n/a/c/b");
}

}  // namespace
}  // namespace cairn::azure
