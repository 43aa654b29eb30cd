// /.well-known/jwks.json.
#include "extension/call.h"
#include "extension/key_cache.h"

namespace openclaw::extension {

// (if_none_match)
OPENCLAW_FUNCTION(openclaw_front_jwks) {
  constexpr std::size_t kMaxCondition = 16 * 1024;  // of a request's head
  Call call(fcinfo);
  const auto condition = call.text(0, kMaxCondition);
  const Jwks& jwks = published_jwks(GetCurrentTimestamp());
  const bool known =
      condition && (*condition == "*" || condition->find(jwks.etag) != condition->npos);
  std::string headers = known ? "" : "Content-Type: application/json\n";
  headers.append("ETag: ").append(jwks.etag).append("\nCache-Control: ");
  headers += jwks.max_age == 0 ? "no-cache" : "public, max-age=" + std::to_string(jwks.max_age);
  const Datum values[] = {Int32GetDatum(known ? 304 : 200), Call::text(headers),
                          known ? Datum{0} : Call::text(jwks.text)};
  const bool nulls[] = {false, false, known};
  return call.row(values, nulls);
}

}  // namespace openclaw::extension
