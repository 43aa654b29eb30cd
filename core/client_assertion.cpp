#include "core/client_assertion.h"

#include <utility>

#include "core/claim_reader.h"
#include "core/jws.h"
#include "core/jwt.h"
#include "core/numeric_date.h"

namespace openclaw {
namespace {

constexpr std::size_t kMaxJti = 256;

Result<ParsedJws> parse(std::string_view jwt) {
  return parse_jws(jwt, kMaxJwt, JwsHeaders::foreign);
}

// RFC 7523 asks for no typ; what the JWT libraries of clients write by themselves is JWT.
bool may_be_assertion(const std::optional<std::string>& typ) {
  return !typ || is_media_type(*typ, "JWT") || is_media_type(*typ, "client-authentication+jwt");
}

// Anything beside the one audience would let its other addressee use the assertion here.
bool is_only_audience(const JsonObject& payload, std::string_view audience) {
  const std::optional<JsonValue> found = payload.find("aud");
  if (!found) return false;
  if (const auto items = found->list()) {
    return items->size() == 1 && items->front().text() == audience;
  }
  return found->text() == audience;
}

struct ReadAssertion {
  ClientAssertion assertion;
  std::optional<std::int64_t> issued_at;
  std::optional<std::int64_t> not_before;
};

Result<ReadAssertion> read_claims(const JsonObject& payload) {
  bool malformed = false;
  ClaimReader claims(payload, malformed);
  ReadAssertion read;
  read.assertion.jti = claims.required_text("jti");
  read.assertion.expires_at = claims.required_date("exp");
  read.issued_at = claims.date("iat");
  read.not_before = claims.date("nbf");
  if (malformed || read.assertion.jti.size() > kMaxJti) return Error::malformed;
  return read;
}

Result<void> check_times(const ReadAssertion& read, const ClientAssertionExpectation& expected) {
  const std::int64_t expires_at = read.assertion.expires_at;
  if (expires_at <= expected.now) return Error::expired;
  // Its jti is remembered until then.
  if (expires_at - kMaxAssertionLifetime > expected.now) return Error::malformed;
  for (const std::optional<std::int64_t>& from : {read.not_before, read.issued_at}) {
    if (from && lies_ahead(*from, expected.now, expected.leeway)) return Error::not_yet_valid;
  }
  return {};
}

}  // namespace

Result<std::string> canonical_client_jwks(std::string_view text) {
  const Result<KeySet> keys = KeySet::parse_strictly(text, kMaxClientKeys);
  if (!keys) return keys.error();
  return keys->to_json();
}

Result<std::string> claimed_client(std::string_view jwt) {
  const Result<ParsedJws> jws = parse(jwt);
  if (!jws) return jws.error();
  bool malformed = false;
  std::string client = ClaimReader(jws->payload.object(), malformed).required_text("sub");
  if (malformed) return Error::malformed;
  return client;
}

Result<ClientAssertion> verify_client_assertion(std::string_view jwt, const KeySet& keys,
                                                const ClientAssertionExpectation& expectation) {
  const Result<ParsedJws> jws = parse(jwt);
  if (!jws) return jws.error();
  if (const Result<void> signature = check_signature(*jws, keys); !signature) {
    return signature.error();
  }
  if (!may_be_assertion(jws->type)) return Error::wrong_type;
  for (const std::string_view claim : {"iss", "sub"}) {
    if (!claim_is(jws->payload.object(), claim, expectation.client_id)) return Error::wrong_issuer;
  }
  if (!is_only_audience(jws->payload.object(), expectation.audience)) return Error::wrong_audience;
  Result<ReadAssertion> read = read_claims(jws->payload.object());
  if (!read) return read.error();
  if (const Result<void> times = check_times(*read, expectation); !times) return times.error();
  return std::move(read->assertion);
}

}  // namespace openclaw
