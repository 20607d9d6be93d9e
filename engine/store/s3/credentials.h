// Who asks an S3 store, from where the tools of AWS look too.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "engine/env/file_system.h"
#include "engine/store/s3/sigv4.h"

namespace cairn::s3 {

// A variable of the environment, "" where it is not set.
using Environment = std::function<std::string(const char* name)>;

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; else the profile `profile` ("": AWS_PROFILE, else
// "default") of the file AWS_SHARED_CREDENTIALS_FILE (else ~/.aws/credentials). Nothing else is asked: neither the
// metadata service of a machine nor a program. kInvalidArgument where there are none, saying what to set.
Result<Credentials> FindCredentials(FileSystem& files, const Environment& environment, const std::string& profile);
// AWS_REGION, AWS_DEFAULT_REGION, else of the profile in AWS_CONFIG_FILE (else ~/.aws/config). "" where none is set.
Result<std::string> FindRegion(FileSystem& files, const Environment& environment, const std::string& profile);

}  // namespace cairn::s3
