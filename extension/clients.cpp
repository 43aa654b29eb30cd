#include "extension/clients.h"

#include <algorithm>

#include "core/encoding.h"
#include "core/opaque_token.h"
#include "core/scope.h"
#include "extension/authorization.h"
#include "extension/call.h"
#include "extension/tables.h"

namespace openclaw::extension {
namespace {

constexpr std::size_t kMaxClientId = 256;
constexpr std::size_t kMaxElements = 64;
constexpr std::size_t kMaxBytes = 64 * 1024;

bool is_utf8(std::string_view text) {
  return guarded(
      [&] { return pg_verify_mbstr(PG_UTF8, text.data(), static_cast<int>(text.size()), true); });
}

// One value of application/x-www-form-urlencoded.
std::optional<std::string> form_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); i++) {
    if (text[i] != '%') {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    auto byte = hex_decode(text.substr(i + 1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    out.push_back(static_cast<char>(byte->front()));
    i += 2;
  }
  return is_utf8(out) ? std::optional(std::move(out)) : std::nullopt;
}

Views elements(Datum array) {
  return views_of(text_array_of(array, kMaxElements, kMaxBytes, "client"));
}

std::vector<std::string> copies(const Views& texts) { return {texts.begin(), texts.end()}; }

}  // namespace

std::optional<Credentials> basic_credentials(std::string_view field) {
  const auto token68 = credentials_of(field, "basic");
  if (!token68) return std::nullopt;
  const auto decoded = base64_decode(*token68);
  if (!decoded) return std::nullopt;
  const std::string_view both = as_text(*decoded);
  const std::size_t colon = both.find(':');
  if (colon == both.npos) return std::nullopt;
  auto client = form_decoded(both.substr(0, colon));
  auto secret = form_decoded(both.substr(colon + 1));
  if (!client || !secret) return std::nullopt;
  return Credentials{std::move(*client), std::move(*secret)};
}

std::optional<Client> prove_client(const Credentials& credentials, TimestampTz now) {
  if (credentials.client_id.size() > kMaxClientId || !parse_token(credentials.secret)) {
    return std::nullopt;
  }
  const ClientRow row = read_client(credentials.client_id);
  if (!row.found || !row.has_secret ||
      !is_client_secret(token_hash(credentials.secret), credentials.client_id, now)) {
    return std::nullopt;
  }
  const Views scopes = elements(row.scopes);
  return Client{credentials.client_id,
                row.has_user ? std::optional(std::string(text_of(row.user_id))) : std::nullopt,
                copies(elements(row.grant_types)), copies(narrowed_grants(scopes, scopes))};
}

}  // namespace openclaw::extension
