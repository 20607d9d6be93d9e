#include "engine/store/counting_store.h"

namespace cairn {
namespace {

constexpr uint64_t kPageObjects = 1'000;

bool IsData(const ObjectName& name) { return name.text().starts_with(kDataPrefix); }

}  // namespace

RequestCounts& RequestCounts::operator+=(const RequestCounts& other) {
  puts += other.puts;
  gets += other.gets;
  lists += other.lists;
  heads += other.heads;
  removes += other.removes;
  bytes_up += other.bytes_up;
  bytes_down += other.bytes_down;
  data_puts += other.data_puts;
  data_gets += other.data_gets;
  data_bytes_down += other.data_bytes_down;
  return *this;
}

void RequestMeter::Add(const RequestCounts& counts) {
  puts_ += counts.puts;
  gets_ += counts.gets;
  lists_ += counts.lists;
  heads_ += counts.heads;
  removes_ += counts.removes;
  bytes_up_ += counts.bytes_up;
  bytes_down_ += counts.bytes_down;
  data_puts_ += counts.data_puts;
  data_gets_ += counts.data_gets;
  data_bytes_down_ += counts.data_bytes_down;
}

RequestCounts RequestMeter::counts() const {
  return {.puts = puts_,
          .gets = gets_,
          .lists = lists_,
          .heads = heads_,
          .removes = removes_,
          .bytes_up = bytes_up_,
          .bytes_down = bytes_down_,
          .data_puts = data_puts_,
          .data_gets = data_gets_,
          .data_bytes_down = data_bytes_down_};
}

void CountingStore::CountPut(const ObjectName& name, uint64_t bytes) {
  meter_.Add({.puts = 1, .bytes_up = bytes, .data_puts = IsData(name) ? 1U : 0U});
}

void CountingStore::CountGet(const ObjectName& name, uint64_t bytes) {
  meter_.Add({.gets = 1,
              .bytes_down = bytes,
              .data_gets = IsData(name) ? 1U : 0U,
              .data_bytes_down = IsData(name) ? bytes : 0});
}

Result<void> CountingStore::Put(const ObjectName& name, ByteSpan bytes) {
  CountPut(name, bytes.size());
  return base().Put(name, bytes);
}

Result<bool> CountingStore::PutIfAbsent(const ObjectName& name, ByteSpan bytes) {
  CountPut(name, bytes.size());
  auto put = base().PutIfAbsent(name, bytes);
  if (put && !*put) CountGet(name, bytes.size());
  return put;
}

Result<Bytes> CountingStore::Get(const ObjectName& name, uint64_t size_max) {
  auto bytes = base().Get(name, size_max);
  CountGet(name, bytes ? bytes->size() : 0);
  return bytes;
}

Result<Bytes> CountingStore::GetRange(const ObjectName& name, uint64_t offset, uint64_t size) {
  auto bytes = base().GetRange(name, offset, size);
  CountGet(name, bytes ? bytes->size() : 0);
  return bytes;
}

Result<void> CountingStore::List(std::string_view prefix, const Each& each, const Stranger& stranger) {
  uint64_t objects = 0;
  const auto count = [&](const ObjectInfo& info) {
    ++objects;
    return each(info);
  };
  auto listed = base().List(prefix, count, stranger);
  meter_.Add({.lists = objects <= kPageObjects ? 1 : (objects + kPageObjects - 1) / kPageObjects});
  return listed;
}

Result<void> CountingStore::Remove(const ObjectName& name) {
  meter_.Add({.removes = 1});
  return base().Remove(name);
}

Result<ObjectInfo> CountingStore::Stat(const ObjectName& name) {
  meter_.Add({.heads = 1});
  auto info = base().Stat(name);
  if (!info && info.error().code() == ErrorCode::kNotFound) CountGet(name, 0);
  return info;
}

}  // namespace cairn
