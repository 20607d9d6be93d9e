#include "engine/env/job_context.h"

namespace cairn {

Limits Limits::ForTests() {
  Limits limits;
  limits.memory_bytes = 16 * kMiB;
  limits.pack_bytes = 4 * kKiB;
  limits.frame_bytes_files = kKiB;
  limits.frame_bytes_rows = 512;
  limits.frame_bytes_pages = 256;
  limits.frame_bytes_metadata = 512;
  limits.segment_blobs_max = 8;
  limits.window_blobs = 16;
  limits.merge_fan_in = 4;
  limits.readers = 1;
  limits.puts = 1;  // inside the caller's thread
  limits.gets = 1;
  return limits;
}

}  // namespace cairn
