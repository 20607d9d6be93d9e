// An object whose bytes come before its name.
#pragma once

#include <cstdint>
#include <functional>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"
#include "repo-format/object_name.h"

namespace cairn {

// Made by ObjectStore::NewDraft. What is never put is no object, and goes with the draft or its process. After an Error
// of any call it can only go. One thread at a time.
class ObjectDraft {
 public:
  virtual ~ObjectDraft() = default;

  virtual Result<void> Append(ByteSpan bytes) = 0;
  // Over the first of the bytes that are there.
  virtual Result<void> WriteStart(ByteSpan bytes) = 0;
  // All of it, from the beginning, as it is now. An Error of `each` ends it and is returned.
  using Piece = std::function<Result<void>(ByteSpan)>;
  virtual Result<void> ForEachPiece(const Piece& each) = 0;
  // All of it: where it is in memory already that, else what is read into `room`. Until the draft is changed.
  virtual Result<ByteSpan> Whole(Bytes& room) = 0;
  // As ObjectStore::Put of all of it. Once; nothing is changed afterwards.
  virtual Result<void> Put(const ObjectName& name) = 0;
};

}  // namespace cairn
