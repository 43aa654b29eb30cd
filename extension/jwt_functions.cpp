// JWTs in SQL: verify.
#include "core/endpoint.h"
#include "core/jwt.h"
#include "core/scope.h"
#include "extension/verification.h"

namespace openclaw::extension {

namespace {

// openclaw.jwt_verification, column by column.
struct VerificationRow {
  static constexpr int kColumns = 11;
  Datum values[kColumns] = {};
  bool nulls[kColumns];

  VerificationRow(const Result<VerifiedJwt>& verified) {
    for (bool& is_null : nulls) is_null = true;
    set(0, BoolGetDatum(static_cast<bool>(verified)));
    if (!verified) {
      set(1, Call::text(name(verified.error())));
      return;
    }
    const Claims& claims = verified->claims;
    set(2, Call::text(claims.user_id));
    set_unless_empty(3, claims.container_id);
    set_unless_empty(4, claims.client_id);
    set(5, Call::text_array(views_of(claims.scopes)));
    set(6, Call::text_array(views_of(claims.audience)));
    set_unless_empty(7, claims.id);
    set(8, Call::text(verified->kid));
    set(9, TimestampTzGetDatum(timestamp(claims.issued_at)));
    set(10, TimestampTzGetDatum(timestamp(claims.expires_at)));
  }

 private:
  void set(int column, Datum value) {
    values[column] = value;
    nulls[column] = false;
  }
  void set_unless_empty(int column, std::string_view text) {
    if (!text.empty()) set(column, Call::text(text));
  }
};

}  // namespace

// (jwt, audience, required_scopes, user_id, type, certificate_thumbprint)
OPENCLAW_FUNCTION(openclaw_verify_jwt) {
  Call call(fcinfo);
  TextArray scopes = call.required_text_array(2, kMaxScopes, kMaxScopesBytes, "required_scopes");
  std::vector<std::string_view> required = required_scopes(scopes);
  JwtExpectation expectation;
  expectation.audience = call.required_text(1, kMaxEndpoint, "audience");
  expectation.required_scopes = required;
  if (!call.is_null(3)) expectation.user_id = call.required_text(3, kMaxId, "user_id");
  expectation.type = jwt_type(call.required_text(4, 32, "type"));
  if (!call.is_null(5)) {
    expectation.certificate_thumbprint = call.required_text(5, 64, "certificate_thumbprint");
  }
  VerificationRow row(check_jwt(call.text(0, kMaxJwt), expectation, GetCurrentTimestamp()));
  return call.row(row.values, row.nulls);
}

}  // namespace openclaw::extension
