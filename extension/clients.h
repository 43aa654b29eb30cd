// OAuth clients that prove who they are with a secret (RFC 6749 2.3.1), in the way that most
// requests come: the rest, and every refusal, is openclaw.authenticate_client's.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "extension/pg.h"

namespace openclaw::extension {

inline constexpr std::size_t kMaxAuthorization = 8 * 1024;

struct Credentials {
  std::string client_id;
  std::string secret;
};

// Those of an Authorization field of scheme Basic, each form-decoded; nothing for any other field.
std::optional<Credentials> basic_credentials(std::string_view field);

struct Client {
  std::string id;
  std::optional<std::string> user_id;  // none: it may act for every user
  std::vector<std::string> grant_types;
  std::vector<std::string> scopes;  // what it may ask for: less its rights at the front itself
};

// The client that has this secret now; nothing where there is none.
std::optional<Client> prove_client(const Credentials& credentials, TimestampTz now);

}  // namespace openclaw::extension
