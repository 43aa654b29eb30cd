#include "service/options.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <sys/un.h>

#include <CLI/CLI.hpp>

namespace openclaw::front {
namespace {

using std::chrono::milliseconds;

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct IpAndPort {
  std::string ip;
  std::uint16_t port;
};

// ADDR:PORT or [IPV6]:PORT, where ADDR is an IP address.
std::optional<IpAndPort> ip_and_port(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string ip = text.substr(0, colon);
  const auto port = number<std::uint16_t>(std::string_view(text).substr(colon + 1));
  const bool bracketed = ip.size() > 2 && ip.front() == '[' && ip.back() == ']';
  if (bracketed) ip = ip.substr(1, ip.size() - 2);
  in6_addr ignored;
  if (!port || inet_pton(bracketed ? AF_INET6 : AF_INET, ip.c_str(), &ignored) != 1) {
    return std::nullopt;
  }
  return IpAndPort{ip, *port};
}

// "unix:" and an absolute path, or an IP address and port. The answer is an error, or empty.
std::string read_listen(const std::string& text, Options& options) {
  if (text.starts_with("unix:")) {
    options.socket_path = text.substr(5);
    const bool good = options.socket_path.starts_with('/') &&
                      options.socket_path.size() < sizeof(sockaddr_un::sun_path);
    return good ? "" : "--listen unix: takes an absolute path of at most 107 bytes";
  }
  const auto address = ip_and_port(text);
  if (!address) return "--listen takes ADDR:PORT, [IPV6]:PORT or unix:PATH, as in 127.0.0.1:8080";
  options.address = address->ip;
  options.port = address->port;
  return {};
}

// The answer is an error, or empty.
std::string read_metrics(const std::string& text, Options& options) {
  const auto address = ip_and_port(text);
  const auto ip = address ? boost::asio::ip::make_address(address->ip) : boost::asio::ip::address();
  if (!ip.is_loopback()) {
    return "--metrics takes a loopback address and a port, as in 127.0.0.1:9101";
  }
  options.metrics.emplace(ip, address->port);
  return {};
}

// A whole number and ms, s or min; without a unit seconds.
std::optional<milliseconds> duration(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = number<std::uint32_t>(text.substr(0, digits));
  const std::string_view unit = text.substr(digits);
  if (!count) return std::nullopt;
  if (unit == "ms") return milliseconds(*count);
  if (unit == "s" || unit.empty()) return std::chrono::seconds(*count);
  if (unit == "min") return std::chrono::minutes(*count);
  return std::nullopt;
}

// The answer is an error, or empty.
std::string check_base_path(const std::string& path) {
  const bool plain = path.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/") ==
                     std::string::npos;
  const bool good = path.empty() || (plain && path.front() == '/' && path.back() != '/' &&
                                     path.find("//") == std::string::npos);
  return good ? "" : "--base-path takes the path of the issuer, as in /auth";
}

// libpq's own message about a connection string can repeat a part of it, so it is not shown.
std::string check_conninfo(const std::string& flag, const std::string& conninfo) {
  struct Free {
    void operator()(PQconninfoOption* parsed) const { PQconninfoFree(parsed); }
    void operator()(char* text) const { PQfreemem(text); }
  };
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, Free> parsed(PQconninfoParse(conninfo.c_str(), &message));
  const std::unique_ptr<char, Free> message_owner(message);
  if (!parsed) return flag + " is not a libpq connection string (key=value ... or a URI)";
  for (const PQconninfoOption* entry = parsed.get(); entry->keyword != nullptr; ++entry) {
    const std::string_view keyword = entry->keyword;
    if (entry->val != nullptr && (keyword == "password" || keyword == "sslpassword")) {
      return flag +
             " must not hold a password, since other users can read a command line: put "
             "it into a file named by PGPASSFILE (~/.pgpass) or into a service file";
    }
  }
  return {};
}

class FlagSet {
 public:
  explicit FlagSet(CLI::App& app) : app_(app) {}

  CLI::Option* text(const std::string& name, std::string& value, const std::string& help) {
    return app_.add_option("--" + name, value, help)->envname(environment(name));
  }

  void count(const std::string& name, unsigned& value, unsigned low, unsigned high,
             const std::string& help) {
    app_.add_option("--" + name, value, help)
        ->envname(environment(name))
        ->check(CLI::Range(low, high))
        ->capture_default_str();
  }

  void time(const std::string& name, milliseconds& value, milliseconds low, milliseconds high,
            const std::string& help) {
    const auto store = [=, &value](const std::string& given) {
      const auto parsed = duration(given);
      if (!parsed || *parsed < low || *parsed > high) {
        throw CLI::ValidationError("--" + name, "takes a time from " + written(low) + " to " +
                                                    written(high) + ", as in 500ms, 10s or 2min");
      }
      value = *parsed;
    };
    app_.add_option_function<std::string>("--" + name, store, help)
        ->envname(environment(name))
        ->type_name("TIME")
        ->default_str(written(value));
  }

  static std::string environment(std::string name) {
    for (char& c : name) {
      c = c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return "OPENCLAW_" + name;
  }

 private:
  static std::string written(milliseconds time) {
    const bool whole = time.count() % 1000 == 0;
    return whole ? std::to_string(time.count() / 1000) + "s" : std::to_string(time.count()) + "ms";
  }

  CLI::App& app_;
};

}  // namespace

std::variant<Options, Exit> parse_options(int argc, const char* const* argv) {
  using std::chrono::minutes, std::chrono::seconds;
  Options options;
  // Postgres works about as much for a request as the front does, and the larger a thread's share
  // of the clients, the larger its batches. One alone is held up by whoever shares its core: mostly
  // its own clients, whom the kernel wakes where they are written to, while another core idles.
  options.threads = std::clamp(std::thread::hardware_concurrency() / 2, 2U, 4U);

  CLI::App app("OpenClaw's HTTP front: each endpoint is one SQL function in Postgres.",
               "openclaw-front");
  app.footer(
      "Postgres is found as psql finds it (PGHOST, PGSERVICE, PGPASSFILE, ...) where --database\n"
      "does not say. A time is a whole number and ms, s or min. SIGTERM and SIGINT end the "
      "program\n"
      "after the requests in flight are answered; a second one ends it at once.");
  app.set_version_flag("--version", "openclaw-front " OPENCLAW_VERSION);
  FlagSet flags(app);
  std::string listen = "127.0.0.1:8080";
  std::string metrics;
  std::string level = "info";
  std::string pooler = "none";
  flags
      .text("listen", listen,
            "Address and port to listen on, where port 0 lets the kernel choose; or unix:PATH, a "
            "Unix socket for its owner and group")
      ->type_name("ADDR:PORT")
      ->capture_default_str();
  const CLI::Option* const with_metrics =
      flags
          .text(
              "metrics", metrics,
              "Loopback address and port of GET /metrics for Prometheus; without it there is none")
          ->type_name("ADDR:PORT");
  flags.text("database", options.database, "libpq connection string or URI, without a password")
      ->type_name("CONNINFO");
  app.add_option(
         "--standby", options.standbys,
         "A hot standby, by a connection string as --database; may be given again. Standbys "
         "answer what only reads (the variable takes one a line)")
      ->envname(FlagSet::environment("standby"))
      ->type_name("CONNINFO")
      ->delimiter('\n')
      ->allow_extra_args(false);
  flags.time("max-lag", options.max_lag, milliseconds(500), minutes(10),
             "How far behind the primary a standby may be and still be asked");
  flags
      .text("pooler", pooler,
            "none, or transaction: --database is a PgBouncer in transaction mode (standbys are "
            "reached "
            "directly)")
      ->check(CLI::IsMember({"none", "transaction"}))
      ->capture_default_str();
  flags.count("threads", options.threads, 1, 64, "Event loops, each on its own thread");
  flags.count("connections", options.connections, 1, 64,
              "Connections to each server, for each thread");
  flags.count("max-batch", options.max_batch, 1, 1'024,
              "Most requests in one SQL call; 1 sends each by itself");
  flags.count("max-clients", options.max_clients, 1, 1'000'000,
              "Most connections of clients; further ones get 503");
  flags.count("max-waiting", options.max_waiting, 1, 65'536,
              "Most requests that wait for Postgres, for each thread; further ones get 503");
  flags.time("header-timeout", options.header_timeout, milliseconds(100), minutes(10),
             "For the head of a request, from its first byte");
  flags.time("body-timeout", options.body_timeout, milliseconds(100), minutes(10),
             "For the body of a request, and for the client to take its answer");
  flags.time("idle-timeout", options.idle_timeout, milliseconds(100), minutes(60),
             "For a connection between requests");
  flags.time("request-timeout", options.request_timeout, milliseconds(100), minutes(5),
             "For an answer of Postgres; then 503");
  flags.time("drain-timeout", options.drain_timeout, milliseconds(0), minutes(10),
             "For requests in flight when the program is told to end");
  flags.time("maintenance-interval", options.maintenance_interval, milliseconds(0), minutes(60),
             "How often openclaw.maintain() is called; 0 leaves it to others, such as pg_cron");
  flags.time("token-use-interval", options.token_use_interval, milliseconds(0), minutes(60),
             "How often tokens that were used are recorded (last_used_at); 0 is never");
  flags.text("base-path", options.base_path, "Path of the issuer, where it has one")
      ->type_name("PATH");
  app.add_flag(
         "--trust-client-cert", options.trust_client_certificate,
         "Take the TLS client certificate from the Client-Cert field (RFC 9440): only behind a "
         "proxy that sets or removes it itself, and with no other way to the front")
      ->envname(FlagSet::environment("trust-client-cert"));
  flags.text("log-level", level, "debug, info, warning or error; requests are logged at info")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_flag("--core-dumps", options.core_dumps,
               "Allow core dumps and debuggers, which can show tokens in flight")
      ->envname(FlagSet::environment("core-dumps"));

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return Exit{0, app.help()};
  } catch (const CLI::CallForVersion& version) {
    return Exit{0, version.what() + std::string("\n")};
  } catch (const CLI::ParseError& error) {
    return Exit{2, std::string("openclaw-front: ") + error.what() + "\n"};
  }

  std::string error = read_listen(listen, options);
  if (error.empty() && with_metrics->count() > 0) error = read_metrics(metrics, options);
  if (error.empty()) error = check_base_path(options.base_path);
  if (error.empty()) error = check_conninfo("--database", options.database);
  for (const std::string& standby : options.standbys) {
    if (error.empty()) error = check_conninfo("--standby", standby);
  }
  if (!error.empty()) return Exit{2, "openclaw-front: " + error + "\n"};
  const std::map<std::string, LogLevel> levels{{"debug", LogLevel::debug},
                                               {"info", LogLevel::info},
                                               {"warning", LogLevel::warning},
                                               {"error", LogLevel::error}};
  options.log_level = levels.at(level);
  options.transaction_pooler = pooler == "transaction";
  return options;
}

}  // namespace openclaw::front
