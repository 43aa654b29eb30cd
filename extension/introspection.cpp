#include "extension/introspection.h"

#include "core/introspection.h"
#include "core/jwt.h"
#include "core/opaque_token.h"
#include "extension/settings.h"
#include "extension/verification.h"

namespace openclaw::extension {
namespace {

Introspected inactive() { return {std::string(kInactive), {}, {}, {}}; }

Introspected of_jwt(std::string_view jwt, TimestampTz now) {
  auto verified = check_jwt(jwt, JwtExpectation{}, now);
  if (!verified) return inactive();
  Claims& claims = verified->claims;
  Introspection answer;
  answer.issuer = claims.issuer;
  answer.user_id = claims.user_id;
  answer.audience = claims.audience;
  answer.scopes = {claims.scopes.begin(), claims.scopes.end()};
  answer.client_id = claims.client_id;
  answer.container_id = claims.container_id;
  answer.id = claims.id;
  answer.actor = claims.actor;
  answer.certificate_thumbprint = claims.certificate_thumbprint;
  answer.issued_at = claims.issued_at;
  answer.expires_at = claims.expires_at;
  return {introspection_json(answer), std::move(claims.user_id), std::move(claims.container_id),
          std::move(claims.client_id)};
}

Introspected of_row(const TokenRow& row, TimestampTz now) {
  auto verified = check_token(row, {}, now);
  if (!verified) return inactive();
  Introspection answer;
  answer.user_id = text_of(verified->user_id);
  answer.scopes = granted_scopes(*verified);
  if (verified->has_container) answer.container_id = text_of(verified->container_id);
  answer.issued_for = text_of(verified->issued_for);
  answer.id = text_of(verified->id);
  answer.issued_at = numeric_date(verified->created_at);
  answer.expires_at = numeric_date(verified->expires_at);
  return {introspection_json(answer),
          std::string(answer.user_id),
          std::string(answer.container_id),
          {}};
}

std::string text_attribute(Datum row, int number) {
  const auto value = attribute(row, number);
  return value ? std::string(text_of(*value)) : std::string();
}

Introspected of_refresh_token(const Argument& token) {
  const Datum row = call_openclaw("introspect_refresh_token", {&token, 1});
  return {text_attribute(row, 1), text_attribute(row, 2), text_attribute(row, 3),
          text_attribute(row, 4)};
}

}  // namespace

std::vector<Introspected> introspect(std::span<const Argument> tokens) {
  const TimestampTz now = GetCurrentTimestamp();
  std::vector<Introspected> answers(tokens.size());
  std::vector<Digest> hashes;
  std::vector<std::size_t> positions;  // of each hash, in `tokens`
  for (std::size_t i = 0; i < tokens.size(); i++) {
    guarded([] { CHECK_FOR_INTERRUPTS(); });
    const Argument& token = tokens[i];
    const auto purpose = token ? parse_token(*token) : Result<TokenPurpose>(Error::malformed);
    if (!purpose) {
      answers[i] = token && looks_like_jwt(*token) ? of_jwt(*token, now) : inactive();
    } else if (*purpose == TokenPurpose::refresh) {
      answers[i] = of_refresh_token(token);
    } else {
      hashes.push_back(token_hash(*token));
      positions.push_back(i);
    }
  }
  std::vector<TokenRow> rows(hashes.size());
  if (!hashes.empty()) find_tokens(hashes, rows);
  for (std::size_t i = 0; i < rows.size(); i++) answers[positions[i]] = of_row(rows[i], now);
  return answers;
}

// (token)
OPENCLAW_FUNCTION(openclaw_introspect) {
  Call call(fcinfo);
  const Argument token = call.text(0, kMaxJwt);
  return Call::text(introspect({&token, 1}).front().json);
}

// (token): as above, and a refresh token is inactive
OPENCLAW_FUNCTION(openclaw_introspect_access_token) {
  Call call(fcinfo);
  Argument token = call.text(0, kMaxJwt);
  if (token) {
    const auto purpose = parse_token(*token);
    if (purpose && *purpose == TokenPurpose::refresh) token.reset();
  }
  return Call::text(introspect({&token, 1}).front().json);
}

}  // namespace openclaw::extension
