// The extension's settings (`openclaw.*`). No secret is among them: any role may SHOW a setting
// that is not hidden, so the master key is named by the path of its file.
#pragma once

#include <string_view>

#include "core/argon2id.h"

namespace openclaw::extension::settings {

// Defines the settings; called once, from _PG_init.
void define();

// The issuer identifier, byte for byte (RFC 8414 2). Raises 55000 while it is not set.
std::string_view issuer();
// Raises 55000 while it is not set.
std::string_view master_key_file();
// Seconds that a JWT of either type is good.
int access_token_lifetime();
int user_claim_lifetime();
// Seconds by which nbf and iat may lie in the future.
int leeway();
// Seconds that a status list may be kept.
int status_list_max_age();
Argon2Cost argon2_cost();

}  // namespace openclaw::extension::settings
