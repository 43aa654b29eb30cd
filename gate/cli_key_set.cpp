// Where `openclaw verify` gets the platform's keys, and what the platform says of a token.
#include <chrono>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "core/status_list.h"
#include "gate/cli_verify.h"
#include "gate/https_get.h"
#include "gate/jwks_source.h"
#include "gate/known_lists.h"

namespace openclaw::gate {
namespace {

namespace asio = boost::asio;

using Found = std::variant<std::shared_ptr<const KeySet>, std::string>;

std::string sentence_for(std::string_view outcome) {
  if (outcome == "connect") return "the server cannot be reached";
  if (outcome == "tls") return "the server's certificate is not trusted, or TLS failed";
  if (outcome == "http_status") return "the server does not answer 200";
  if (outcome == "too_large") return "the answer is too large";
  if (outcome == "not_a_key_set") return "the answer is no key set";
  if (outcome == "timeout") return "the server takes too long";
  return std::string(outcome);
}

GetAnswer fetch(const Config& config, const GetRequest& request) {
  constexpr std::chrono::seconds kAtMost{10};
  asio::io_context loop;
  ClientTls tls(config.jwks_ca);
  HttpsGet flight(loop.get_executor(), tls);
  GetAnswer answer{"connect"};
  asio::co_spawn(
      loop,
      [&]() -> asio::awaitable<void> {
        answer = co_await flight.get(request, HttpsGet::Clock::now() + kAtMost);
      },
      asio::detached);
  loop.run();
  return answer;
}

StatusFinding unread(const Config& config, const std::string& why) {
  if (config.status_outage == StatusOutage::refuse) {
    return {Outcome::failed, "status_unknown", why + "; auth.status_outage is refuse"};
  }
  return {Outcome::not_asked, "ok", why + "; auth.status_outage is accept"};
}

}  // namespace

Found read_key_set(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxJwks + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) return path + ": cannot be read";
  text.resize(static_cast<std::size_t>(file.gcount()));
  Result<KeySet> keys = KeySet::parse(text);
  if (!keys) return path + ": no key set: " + std::string(message(keys.error()));
  return std::make_shared<const KeySet>(*std::move(keys));
}

Found fetch_key_set(const Config& config) {
  asio::io_context loop;
  Found found = "nothing came back";
  try {
    JwksSource source(
        loop, config,
        [&](std::shared_ptr<const KeySet> keys) {
          if (keys) found = std::move(keys);
        },
        [&](std::string_view outcome, std::size_t) {
          if (outcome != "ok") found = config.jwks_url + ": " + sentence_for(outcome);
          loop.stop();
        });
    source.start();
    loop.run();
  } catch (const std::exception& error) {
    return std::string(error.what());
  }
  return found;
}

StatusFinding fetch_status(const Config& config, const KeySet& keys,
                           const StatusReference& reference, std::int64_t now) {
  const std::optional<HttpUrl> url = status_list_url(config, reference.uri);
  if (!url) {
    return {Outcome::failed, name(Error::malformed), "the list must lie below the issuer"};
  }
  GetAnswer answer;
  try {
    answer = fetch(config, {.url = *url,
                            .accept = "application/statuslist+jwt",
                            .most_bytes = kMaxStatusListToken,
                            .max_age = std::chrono::seconds(0)});
  } catch (const std::exception& error) {
    return unread(config, error.what());
  }
  if (answer.outcome != "ok") return unread(config, sentence_for(answer.outcome));
  const Result<StatusListToken> list =
      verify_status_list(answer.body, keys, reference.uri, now, config.leeway.count());
  if (!list) return unread(config, "the answer is no list: " + std::string(name(list.error())));
  if (list->list.is_invalid(reference.index)) {
    return {Outcome::failed, name(Error::revoked), "revoked"};
  }
  return {Outcome::passed, "ok", "not revoked"};
}

}  // namespace openclaw::gate
