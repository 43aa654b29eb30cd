// One configuration at work: all that a request is judged by. A reload makes a new one; a request
// keeps the one that it began with.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <boost/asio/ssl/context.hpp>

#include "gate/authenticator.h"
#include "gate/challenge.h"
#include "gate/config.h"
#include "gate/server_tls.h"
#include "gate/site.h"
#include "gate/upstream_pool.h"

namespace openclaw::gate {

struct Policy {
  // Throws std::runtime_error for TLS files that cannot be used. `pool`: null without an upstream.
  Policy(Config new_config, std::shared_ptr<UpstreamPool> new_pool)
      : config(std::move(new_config)),
        authenticator(config),
        site(config),
        metadata(protected_resource_metadata(config)),
        tls(config.tls ? make_server_tls(config) : nullptr),
        pool(std::move(new_pool)) {}
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

  const Config config;
  Authenticator authenticator;
  Site site;
  const std::optional<std::string> metadata;
  const std::shared_ptr<boost::asio::ssl::context> tls;
  const std::shared_ptr<UpstreamPool> pool;
};

}  // namespace openclaw::gate
