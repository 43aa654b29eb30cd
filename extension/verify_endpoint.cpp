// /v1/verify of many requests in one call: what a proxy asks before it lets a request through.
#include "core/endpoint.h"
#include "core/json_writer.h"
#include "core/scope.h"
#include "extension/authorization.h"
#include "extension/front_batch.h"
#include "extension/verification.h"

namespace openclaw::extension {
namespace {

constexpr std::string_view kAudienceMissing =
    R"({"error" : "invalid_request", "error_description" : "the parameter audience is missing or too long"})";
constexpr std::string_view kScopeInvalid =
    R"({"error" : "invalid_scope", "error_description" : "scope must be a list of area:action"})";
constexpr std::string_view kTokenRequired =
    R"({"error" : "invalid_token", "error_description" : "a bearer token is required"})";
constexpr std::string_view kTokenRefused =
    R"({"error" : "invalid_token", "error_description" : "the token is not good for this resource"})";
constexpr std::string_view kScopeLacking =
    R"({"error" : "insufficient_scope", "error_description" : "the token lacks a required scope"})";

// What a token opens.
struct Access {
  std::string user_id;
  std::string container_id;
  std::string scopes;
};

Result<Access> access_of_jwt(std::string_view jwt, std::string_view audience,
                             std::span<const std::string_view> required, TimestampTz now) {
  JwtExpectation expectation;
  expectation.audience = audience;
  expectation.required_scopes = required;
  auto verified = check_jwt(jwt, expectation, now);
  if (!verified) return verified.error();
  Claims& claims = verified->claims;
  if (claims.container_id.empty()) return Error::wrong_audience;
  const std::vector<std::string_view> granted(claims.scopes.begin(), claims.scopes.end());
  return Access{std::move(claims.user_id), std::move(claims.container_id),
                format_scope_list(granted)};
}

// A user's own token opens each container of the user, or the one that it is bound to.
Result<Access> access_of_token(const Argument& token, std::string_view audience,
                               std::span<const std::string_view> required, TimestampTz now) {
  const auto verified = check_token(token, required, now);
  if (!verified) return verified.error();
  if (text_of(verified->issued_for) != "user_direct") return Error::wrong_audience;
  const Datum container = read_container_id(audience, verified->user_id);
  if (container == 0) return Error::wrong_audience;
  const std::string_view container_id = text_of(container);
  if (verified->has_container && text_of(verified->container_id) != container_id) {
    return Error::wrong_audience;
  }
  return Access{std::string(text_of(verified->user_id)), std::string(container_id),
                format_scope_list(granted_scopes(*verified))};
}

// The scopes that are demanded, none of them a wildcard; nothing for what is no such list.
std::optional<std::vector<std::string>> demanded_scopes(const Argument& list) {
  auto scopes = parse_scope_list(list.value_or(""));
  if (!scopes || list.value_or("").find('*') != std::string_view::npos) return std::nullopt;
  return std::move(*scopes);
}

void put_access(FrontBatch& batch, const Access& access) {
  ObjectWriter body;
  body.text("user_id", access.user_id);
  body.text("container_id", access.container_id);
  body.text("scope", access.scopes);
  std::string headers = "Content-Type: application/json\nX-OpenClaw-User-Id: ";
  headers.append(access.user_id).append("\nX-OpenClaw-Container-Id: ").append(access.container_id);
  batch.put(200, headers.append("\nX-OpenClaw-Scope: ").append(access.scopes), body.finish());
}

// RFC 6750 3: a challenge without an error code where no credentials came.
void put_refusal(FrontBatch& batch, bool has_credentials, Error reason,
                 std::span<const std::string_view> required) {
  std::string headers = "Content-Type: application/json\nWWW-Authenticate: Bearer";
  if (!has_credentials) {
    batch.put(401, headers, kTokenRequired);
  } else if (reason == Error::insufficient_scope) {
    headers.append(R"( error="insufficient_scope", scope=")");
    batch.put(403, headers.append(format_scope_list(required)).append("\""), kScopeLacking);
  } else {
    batch.put(401, headers.append(R"( error="invalid_token")"), kTokenRefused);
  }
}

void answer(FrontBatch& batch, const Argument& authorization, const Argument& audience,
            const Argument& scope, TimestampTz now) {
  if (!audience || audience->size() > kMaxEndpoint) return batch.put_json(400, kAudienceMissing);
  const auto scopes = demanded_scopes(scope);
  if (!scopes) return batch.put_json(400, kScopeInvalid);
  const std::vector<std::string_view> required(scopes->begin(), scopes->end());
  const Argument token = credentials_of(authorization, "bearer");
  const auto access = token && looks_like_jwt(*token)
                          ? access_of_jwt(*token, *audience, required, now)
                          : access_of_token(token, *audience, required, now);
  if (access) {
    put_access(batch, *access);
  } else {
    put_refusal(batch, authorization.has_value(), access.error(), required);
  }
}

}  // namespace

// (http_authorization[], audience[], scope[])
OPENCLAW_FUNCTION(openclaw_front_verifications) {
  FrontBatch batch(fcinfo, 3);
  const TimestampTz now = GetCurrentTimestamp();
  for (std::size_t i = 0; i < batch.size(); i++) {
    guarded([] { CHECK_FOR_INTERRUPTS(); });
    answer(batch, batch.argument(i, 0), batch.argument(i, 1), batch.argument(i, 2), now);
  }
  return 0;
}

}  // namespace openclaw::extension
