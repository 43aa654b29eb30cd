// What tokens are (RFC 7662), opaque ones, JWTs and refresh tokens, many at once.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "extension/front_batch.h"

namespace openclaw::extension {

struct Introspected {
  std::string json;  // {"active":false} for whatever is not good
  // Whose an active token is; empty: nobody's.
  std::string user_id;
  std::string container_id;
  std::string client_id;
};

// One for each token. The rows of all opaque ones are looked up together.
std::vector<Introspected> introspect(std::span<const Argument> tokens);

}  // namespace openclaw::extension
