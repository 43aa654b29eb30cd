// Where `openclaw verify` gets the platform's keys.
#include <fstream>
#include <memory>
#include <stdexcept>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "gate/cli_verify.h"
#include "gate/jwks_source.h"

namespace openclaw::gate {
namespace {

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
  boost::asio::io_context loop;
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

}  // namespace openclaw::gate
