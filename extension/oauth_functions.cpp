// OAuth in SQL: how clients prove who they are, resource indicators, status lists.
#include <algorithm>
#include <array>

#include "core/client_assertion.h"
#include "core/client_certificate.h"
#include "core/endpoint.h"
#include "core/sha256.h"
#include "core/status_list.h"
#include "extension/clients.h"
#include "extension/key_cache.h"
#include "extension/postgres_random.h"
#include "extension/settings.h"
#include "extension/verification.h"

namespace openclaw::extension {

namespace {

constexpr std::int64_t kStatusListLifetime = 60;  // seconds until exp

// A row of text columns; a text without a value is null.
Datum text_row(Call& call, std::span<const std::optional<std::string>> texts) {
  std::array<Datum, 4> values{};
  std::array<bool, 4> nulls{};
  for (std::size_t i = 0; i < texts.size(); i++) {
    nulls.at(i) = !texts[i].has_value();
    if (texts[i]) values.at(i) = Call::text(*texts[i]);
  }
  return call.row(values.data(), nulls.data());
}

}  // namespace

// (http_authorization) -> (client_id, client_secret)
OPENCLAW_FUNCTION(openclaw_basic_credentials) {
  Call call(fcinfo);
  auto field = call.text(0, kMaxAuthorization);
  const auto credentials = field ? basic_credentials(*field) : std::nullopt;
  if (!credentials) return text_row(call, std::array<std::optional<std::string>, 2>{});
  return text_row(
      call, std::array<std::optional<std::string>, 2>{credentials->client_id, credentials->secret});
}

OPENCLAW_FUNCTION(openclaw_claimed_client) {
  Call call(fcinfo);
  auto assertion = call.text(0, kMaxJwt);
  if (!assertion) return call.null();
  auto client = claimed_client(*assertion);
  return client ? Call::text(*client) : call.null();
}

// (client_assertion, client_id, jwks) -> (valid, reason, jti_hash, expires_at)
OPENCLAW_FUNCTION(openclaw_verify_client_assertion) {
  Call call(fcinfo);
  auto keys = KeySet::parse(call.required_text(2, kMaxJwks, "jwks"));
  if (!keys) throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "jwks is no JWK set"};
  ClientAssertionExpectation expected;
  expected.client_id = call.required_text(1, 256, "client_id");
  expected.audience = settings::issuer();
  expected.now = numeric_date(GetCurrentTimestamp());
  expected.leeway = settings::leeway();
  auto assertion = call.text(0, kMaxJwt);
  auto verified = assertion ? verify_client_assertion(*assertion, *keys, expected)
                            : Result<ClientAssertion>(Error::malformed);
  Datum values[4] = {BoolGetDatum(static_cast<bool>(verified)), 0, 0, 0};
  bool nulls[4] = {false, static_cast<bool>(verified), !verified, !verified};
  if (verified) {
    values[2] = Call::bytea(sha256(as_bytes(verified->jti)));
    values[3] = TimestampTzGetDatum(timestamp(verified->expires_at));
  } else {
    values[1] = Call::text(name(verified.error()));
  }
  return call.row(values, nulls);
}

OPENCLAW_FUNCTION(openclaw_canonical_client_jwks) {
  Call call(fcinfo);
  auto jwks = canonical_client_jwks(call.required_text(0, kMaxJwks, "jwks"));
  if (jwks) return Call::text(*jwks);
  throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "invalid jwks",
                 std::string(message(jwks.error())), "Reason: " + std::string(name(jwks.error()))};
}

// (field) -> (thumbprint, subjects, not_before, not_after)
OPENCLAW_FUNCTION(openclaw_client_certificate) {
  Call call(fcinfo);
  Datum values[4] = {};
  bool nulls[4] = {true, true, true, true};
  auto field = call.text(0, 64 * 1024);
  auto certificate =
      field ? parse_client_certificate(*field) : Result<ClientCertificate>(Error::malformed);
  if (certificate) {
    std::vector<std::string_view> subjects(certificate->subjects.begin(),
                                           certificate->subjects.end());
    values[0] = Call::text(certificate->thumbprint);
    values[1] = Call::text_array(subjects);
    values[2] = TimestampTzGetDatum(timestamp(certificate->not_before));
    values[3] = TimestampTzGetDatum(timestamp(certificate->not_after));
    std::fill(std::begin(nulls), std::end(nulls), false);
  }
  return call.row(values, nulls);
}

OPENCLAW_FUNCTION(openclaw_resource_endpoint) {
  Call call(fcinfo);
  auto resource = call.text(0, kMaxEndpoint);
  if (!resource) return call.null();
  auto endpoint = canonical_endpoint(*resource, EndpointType::external);
  return endpoint ? Call::text(*endpoint) : call.null();
}

OPENCLAW_FUNCTION(openclaw_random_key) {
  static_cast<void>(fcinfo);
  Digest key{};
  PostgresRandom().fill(key);
  return Call::bytea(key);
}

OPENCLAW_FUNCTION(openclaw_status_list_place) {
  return Int32GetDatum(
      static_cast<int32>(status_list_index(Call(fcinfo).required_text(0, 256, "jti"))));
}

// (container_id, generation, alg, all_invalid, places, revoked_keys)
OPENCLAW_FUNCTION(openclaw_sign_status_list) {
  Call call(fcinfo);
  auto algorithm = parse_algorithm(call.required_text(2, 16, "alg"));
  if (!algorithm) throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "unknown signing algorithm"};
  TimestampTz now = GetCurrentTimestamp();
  StatusList list(kStatusListSize, DatumGetBool(call.datum(3)));
  for (const std::int32_t place : call.required_int_array(4, kStatusListSize, "places")) {
    if (place < 0 || static_cast<std::uint32_t>(place) >= kStatusListSize) {
      throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "a place is not in the list"};
    }
    list.invalidate(static_cast<std::uint32_t>(place));
  }
  StatusListToken token{.uri = status_list_uri(call.required_text(0, 256, "container_id"),
                                               call.required_text(1, 16, "generation")),
                        .issued_at = numeric_date(now),
                        .expires_at = numeric_date(now) + kStatusListLifetime,
                        .time_to_live = settings::status_list_max_age(),
                        .list = std::move(list),
                        .revoked_keys = {}};
  for (const auto& kid : call.required_text_array(5, 4096, 1024 * 1024, "revoked_keys")) {
    if (kid) token.revoked_keys.emplace_back(*kid);
  }
  return Call::text(sign_status_list(active_key(*algorithm, now), token));
}

}  // namespace openclaw::extension
