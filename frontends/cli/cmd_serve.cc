#include <unistd.h>

#include <nlohmann/json.hpp>

#include "engine/crypto/secret.h"
#include "engine/env/file_system.h"
#include "frontends/cli/command.h"
#include "frontends/cli/looking_memory.h"
#include "frontends/cli/looking_patience.h"
#include "frontends/cli/option_values.h"
#include "frontends/serve/dav_handler.h"
#include "frontends/serve/http_server.h"
#include "frontends/view/live_view.h"

namespace cairn {
namespace {

constexpr std::string_view kUser = "cairn";  // any will do

struct ServeCommand {
  FilterOptions filter;
  std::string listen = "127.0.0.1:8420";
  std::string token_file, certificate_file, key_file;
  bool is_webdav = false, plain_http = false;

  Result<int> Run(Cli& cli) {
    ASSIGN_OR_RETURN(const serve::ListenAddress address, serve::ListenAddress::Parse(listen));
    RETURN_IF_ERROR(RefuseInTheOpen(address));
    ASSIGN_OR_RETURN(serve::HttpServerOptions options, ServerOptions(address));
    ASSIGN_OR_RETURN(Bytes token, Token(cli));
    const WipeGuard wipe(token);
    GiveFramesPagesOfTheirOwn();
    RETURN_IF_ERROR(GiveUpSoon(cli));
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    return Serve(cli, *repository, std::move(options), token);
  }

  Result<void> RefuseInTheOpen(const serve::ListenAddress& address) const {
    if (address.is_loopback || !certificate_file.empty() || plain_http) return {};
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} is not of this machine alone, and without TLS the token and the files could be read on the "
                     "way: give --tls-cert and --tls-key, or --plain-http where the way is safe",
                     listen);
  }

  Result<serve::HttpServerOptions> ServerOptions(const serve::ListenAddress& address) const {
    serve::HttpServerOptions options{.listen = address};
    if (certificate_file.empty()) return options;
    ASSIGN_OR_RETURN(const Bytes certificate, PosixFileSystem().ReadFile(certificate_file));
    ASSIGN_OR_RETURN(const Bytes key, PosixFileSystem().ReadFile(key_file));
    options.certificate = ToString(certificate);
    options.key = ToString(key);
    return options;
  }

  Result<Bytes> Token(Cli& cli) const {
    if (token_file.empty()) {
      constexpr size_t kTokenBytes = 16;
      Bytes random(kTokenBytes);
      cli.context().random.Fill(random);
      return ToBytes(AsBytes(ToHex(random)));
    }
    const auto take = [&]() -> Result<Bytes> {
      ASSIGN_OR_RETURN(Bytes token, PosixFileSystem().ReadFile(token_file));
      token.erase(std::ranges::find_if(token, [](uint8_t byte) { return byte == '\n' || byte == '\r'; }), token.end());
      RETURN_IF_ERROR(serve::Gate::CheckToken(token));
      return token;
    };
    return take().While("the token of " + token_file);
  }

  // As with a mount the cache has a quarter of the memory, and what is read ahead at most a quarter of that.
  Result<int> Serve(Cli& cli, Repository& repository, serve::HttpServerOptions options, ByteSpan token) const {
    const JobContext& context = cli.context();
    const uint64_t cache_bytes = context.limits.memory_bytes / 4;
    ASSIGN_OR_RETURN(const auto view, view::LiveView::Open(repository, context,
                                                           {.filter = filter.Filter(),
                                                            .tree = {.user = ::getuid(),
                                                                     .group = ::getgid(),
                                                                     .opened = ToWireTime(context.clock.Now()),
                                                                     .counts = false,
                                                                     .stop = context.stop},
                                                            .cache_bytes = cache_bytes},
                                                           cli.Findings()));
    const auto ahead = MakeThreadPool(repository.store().is_far() ? context.limits.gets : context.executor.workers());
    const serve::ListenAddress address = options.listen;
    serve::Gate gate(token, {.is_loopback = address.is_loopback, .host = address.host}, context.clock, context.log,
                     context.stop);
    serve::DavHandler handler(view->tree(), gate, *ahead, {.ahead_bytes = cache_bytes / 4});
    ASSIGN_OR_RETURN(const auto server, serve::HttpServer::Start(handler, context, std::move(options)));
    Tell(cli, fmt::format("{}:{}", address.host, server->port()), token);
    server->Wait(cli.stop());
    return 0;
  }

  void Tell(Cli& cli, const std::string& authority, ByteSpan token) const {
    const std::string_view scheme = certificate_file.empty() ? "http" : "https";
    const std::string address = fmt::format("{}://{}/", scheme, authority);
    const bool is_shown = token_file.empty();  // nobody else knows it
    if (cli.json()) {
      nlohmann::json told = {{"message_type", "serving"}, {"address", address}, {"user", kUser}};
      if (is_shown) told["token"] = AsText(token);
      cli.PrintJson(told);
    } else if (is_shown) {
      cli.Print(
          fmt::format("serving at {0}; Ctrl-C ends it\nuser: {1} (or any other)\npassword, of this run: {2}\n"
                      "all in one: {3}://{1}:{2}@{4}/\n",
                      address, kUser, AsText(token), scheme, authority));
    } else {
      cli.Say(fmt::format("serving at {}; Ctrl-C ends it\n", address));
    }
    std::fflush(stdout);
  }
};

}  // namespace

void AddServe(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<ServeCommand>();
  CLI::App* command =
      app.add_subcommand("serve", "Give snapshots to WebDAV clients and web browsers, read-only, until it is ended");
  command->add_flag("--webdav", options->is_webdav, "By WebDAV, which web browsers can look at, too")->required();
  command->add_option("--listen", options->listen, "Where to listen; port 0 is any that is free")
      ->capture_default_str()
      ->type_name("HOST:PORT");
  options->filter.AddTo(*command);
  command
      ->add_option("--token-file", options->token_file,
                   "The token is the first line of this file; else one is made for this run, and shown")
      ->type_name("FILE");
  CLI::Option* certificate =
      command->add_option("--tls-cert", options->certificate_file, "HTTPS, with the certificates of this file (PEM)")
          ->type_name("FILE");
  CLI::Option* key =
      command->add_option("--tls-key", options->key_file, "The key that belongs to them (PEM)")->type_name("FILE");
  certificate->needs(key);
  key->needs(certificate);
  command->add_flag("--plain-http", options->plain_http,
                    "Without TLS though others than this machine can connect: they can read along");
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
