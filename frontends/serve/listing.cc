#include "frontends/serve/listing.h"

#include <algorithm>
#include <cstring>

#include "engine/repo/time_text.h"
#include "frontends/serve/markup.h"

namespace cairn::serve {
namespace {

// Text that is made piece by piece.
class Pieces : public Body {
 public:
  Pieces(std::string begin, std::unique_ptr<ResourceTree::List> list, ListingFailed failed)
      : text_(std::move(begin)), list_(std::move(list)), failed_(std::move(failed)) {}

  Result<size_t> Read(MutableByteSpan target) final {
    while (text_.size() - used_ < target.size() && list_ != nullptr) RETURN_IF_ERROR(Add());
    if (list_ == nullptr && error_ && used_ == text_.size()) return *error_;
    const size_t size = std::min(text_.size() - used_, target.size());
    std::memcpy(target.data(), text_.data() + used_, size);
    used_ += size;
    if (used_ == text_.size()) {
      text_.clear();
      used_ = 0;
    }
    return size;
  }

 protected:
  virtual std::string Entry(const Resource& resource) const = 0;
  virtual std::string End() const = 0;
  virtual std::string Broken(const Error& error) const = 0;

 private:
  Result<void> Add() {
    text_.erase(0, std::exchange(used_, 0));
    auto next = list_->Next();
    if (next && *next) {
      text_ += Entry(**next);
      return {};
    }
    list_ = nullptr;
    if (next) {
      text_ += End();
      return {};
    }
    failed_(next.error());
    text_ += Broken(next.error());
    error_ = std::move(next).error();
    return {};
  }

  std::string text_;
  size_t used_ = 0;  // bytes of it that were read
  std::unique_ptr<ResourceTree::List> list_;
  const ListingFailed failed_;
  std::optional<Error> error_;
};

class Multistatus final : public Pieces {
 public:
  Multistatus(const Resource& folder, std::unique_ptr<ResourceTree::List> list, Propfind asked, ListingFailed failed)
      : Pieces(MultistatusBegin() + MultistatusEntry(folder, asked), std::move(list), std::move(failed)),
        asked_(std::move(asked)) {}

 private:
  std::string Entry(const Resource& resource) const override { return MultistatusEntry(resource, asked_); }
  std::string End() const override { return MultistatusEnd(); }
  std::string Broken(const Error&) const override { return {}; }

  const Propfind asked_;
};

constexpr std::string_view kPageBegin = R"(<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{0}</title>
<style>body{{font-family:sans-serif;margin:2em}}td,th{{padding:.1em 1em .1em 0;text-align:left}}
td:nth-child(2){{text-align:right}}td:nth-child(n+2){{white-space:nowrap;font-variant-numeric:tabular-nums}}</style>
</head><body><h1>{0}</h1>
<table><tr><th>Name</th><th>Bytes</th><th>Modified (UTC)</th></tr>
)";

// "/a/b/" of "/a/b/c/"; "" of the root.
std::string ParentOf(const std::string& href) {
  if (href == "/") return {};
  return href.substr(0, href.find_last_of('/', href.size() - 2) + 1);
}

std::string PageBegin(const Resource& folder) {
  std::string page =
      fmt::format(kPageBegin, MarkupText(folder.name.empty() ? AsBytes("cairn") : ByteSpan(folder.name)));
  const std::string parent = ParentOf(folder.href);
  if (!parent.empty()) page += fmt::format("<tr><td><a href=\"{}\">..</a></td><td></td><td></td></tr>\n", parent);
  return page;
}

class Page final : public Pieces {
 public:
  Page(const Resource& folder, std::unique_ptr<ResourceTree::List> list, ListingFailed failed)
      : Pieces(PageBegin(folder), std::move(list), std::move(failed)) {}

 private:
  std::string Entry(const Resource& resource) const override {
    const std::string when = resource.modified ? FormatTime(*resource.modified, 0) : "";
    return fmt::format("<tr><td><a href=\"{}\">{}{}</a></td><td>{}</td><td>{}</td></tr>\n", resource.href,
                       MarkupText(resource.name), resource.is_folder ? "/" : "",
                       resource.is_folder || !resource.size ? "" : std::to_string(*resource.size), when);
  }
  std::string End() const override { return "</table></body></html>\n"; }
  std::string Broken(const Error& error) const override {
    return fmt::format("</table><p><strong>This is not all of it: {}</strong></p>\n", MarkupText(error.message()));
  }
};

}  // namespace

std::unique_ptr<Body> MakeMultistatus(const Resource& folder, std::unique_ptr<ResourceTree::List> list, Propfind asked,
                                      ListingFailed failed) {
  return std::make_unique<Multistatus>(folder, std::move(list), std::move(asked), std::move(failed));
}

std::unique_ptr<Body> MakePage(const Resource& folder, std::unique_ptr<ResourceTree::List> list, ListingFailed failed) {
  return std::make_unique<Page>(folder, std::move(list), std::move(failed));
}

}  // namespace cairn::serve
