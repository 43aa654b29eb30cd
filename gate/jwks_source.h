// The platform's key set, fetched over TLS and kept fresh: one flight at a time, kept as long as
// Cache-Control says (10 s to 1 day; 5 minutes without it), fetched again at 80 % of that, with
// back-off (1 s doubling to 60 s) after a failure. The last good set serves through an outage until
// Config::jwks_outage_limit after its last success, then there is none; so that a long max-age
// leaves time for that, a set is fetched again after half the limit at the latest. An unknown kid
// asks for one more fetch, for callers at most every 10 s. Fetched as https_get.h says, 256 KiB and
// 10 s at the most.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>  // before Boost 1.74 awaitable.hpp, which uses std::exchange without it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "core/jwks.h"
#include "gate/config.h"

namespace openclaw::gate {

// The values that are documented above; others are for tests.
struct JwksTimes {
  std::chrono::milliseconds at_most{10'000};  // a flight
  std::chrono::milliseconds first_backoff{1'000};
  std::chrono::milliseconds longest_backoff{60'000};
  std::chrono::milliseconds between_refetches{10'000};
  std::chrono::milliseconds shortest_kept{10'000};
  std::chrono::milliseconds longest_kept{86'400'000};
  std::chrono::milliseconds kept_unsaid{300'000};
};

// How long after a success to fetch again, by the value of Cache-Control (RFC 9111 5.2.2): max-age,
// the smallest where there are several; no-store and no-cache count as 0; max-age in quotes is
// taken, and one that is no number is not said.
std::chrono::milliseconds refresh_after(std::string_view cache_control,
                                        std::chrono::seconds outage_limit,
                                        const JwksTimes& times = {});

// Who names a kid that the set lacks: whoever calls, of whom there may be a flood, or the platform
// itself, in a document of its own.
enum class NamedBy : std::uint8_t { caller, platform };

class JwksSource {
 public:
  using Changed = std::function<void(std::shared_ptr<const KeySet>)>;
  // Reports of fetches for log and metrics, with the number of keys that serve now: outcome is
  // "ok", "not_modified" or what went wrong ("connect", which takes in a connection that breaks off
  // or speaks no HTTP, "tls", "http_status", "too_large", "not_a_key_set", "timeout").
  using Fetched = std::function<void(std::string_view outcome, std::size_t keys)>;

  // `changed` gets each new set, and null when the last one is too old. All on the loop's thread.
  // std::invalid_argument for a URL that is not https, nor http with a loopback host;
  // std::runtime_error with a sentence that names the file for a jwks_ca that cannot be read.
  JwksSource(boost::asio::io_context& loop, const Config& config, Changed changed, Fetched fetched,
             const JwksTimes& times = {});
  // Ends a flight under way; neither function is called any more.
  ~JwksSource();
  JwksSource(const JwksSource&) = delete;
  JwksSource& operator=(const JwksSource&) = delete;

  // Begins to fetch, and goes on until it is destroyed.
  void start();

  // For a kid that the set lacks: joins the flight under way, or begins one; for a caller's not
  // when the last began less than 10 s ago. Returns when there is nothing more to wait for, within
  // `at_most`. The source may be destroyed meanwhile.
  boost::asio::awaitable<void> refetch(std::chrono::milliseconds at_most,
                                       NamedBy who = NamedBy::caller);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace openclaw::gate
