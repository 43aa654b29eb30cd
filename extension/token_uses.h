// Which tokens this backend found good, for api_tokens.last_used_at. A verification writes nothing:
// it notes the token's id in the backend's own memory, once, and only where last_used_at is null or
// older than a step (decision 0025). What was noted outlives the transaction, which may roll back:
// the token was used.
#pragma once

#include "extension/tables.h"

namespace openclaw::extension {

// openclaw.record_token_use() has the same.
inline constexpr std::int64_t kUseStep = USECS_PER_HOUR;

void note_use_of(Datum token_id);

// Of a token that is good at this time.
inline void note_use(const TokenRow& token, TimestampTz now) {
  if (token.last_used_at <= now - kUseStep) note_use_of(token.id);
}

}  // namespace openclaw::extension
