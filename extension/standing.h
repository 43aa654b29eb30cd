// Whether a JWT's user and container still stand behind it, and whether it was revoked by itself.
//
// JWTs come many for one container, and while nothing is written every statement's snapshot sees
// the same: what was read under one snapshot is used under an equal one (decision 0018).
#pragma once

#include <string_view>

#include "extension/tables.h"

namespace openclaw::extension {

// Of no container when `container_id` is empty.
Standing standing_of(std::string_view user_id, std::string_view container_id);

// True when a container's JWT with this id was revoked by itself.
bool is_revoked_jwt(std::string_view container_id, std::string_view jti);

}  // namespace openclaw::extension
