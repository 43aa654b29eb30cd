// `openclaw token ...`: API keys of mode `token`. Each command returns its exit code.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/random.h"
#include "gate/cli.h"

namespace openclaw::gate {

struct TokenCreate {
  std::string name = {};
  std::string scopes = {};   // space-separated; "": all that auth.scopes needs
  std::string expires = {};  // a duration or a time; "": never
  std::string config = {};   // "": only print what belongs into the file
};

// Prints the key, this once, and its hash. With a configuration the entry is in the file before the
// key is shown.
int token_create(const Console& console, const TokenCreate& wanted, RandomSource& random,
                 std::int64_t now);

int token_list(const Console& console, const std::string& config, std::int64_t now);

// kRefused when no key has the name.
int token_revoke(const Console& console, const std::string& config, const std::string& name);

// What a token is by its form, and with a configuration ("": none) whether its hash is there.
// kRefused for what is no opaque token, and for a key that the configuration lacks or that has
// expired.
int token_inspect(const Console& console, std::string_view token, const std::string& config,
                  std::int64_t now);

}  // namespace openclaw::gate
