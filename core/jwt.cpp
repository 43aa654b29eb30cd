#include "core/jwt.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/encoding.h"
#include "core/json.h"
#include "core/scope.h"

namespace openclaw {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxKid = 256;
constexpr std::size_t kMaxAudiences = 16;
constexpr std::uint64_t kMaxNumericDate = 253402300799;  // 9999-12-31T23:59:59Z

std::vector<std::string_view> views_of(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

// --- writing -----------------------------------------------------------------------------------

// Appends the members of one JSON object.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::size_t capacity) { text_.reserve(capacity); }

  void text(std::string_view member, std::string_view value) {
    begin(member);
    append_json_string(text_, value);
  }

  void text_unless_empty(std::string_view member, std::string_view value) {
    if (!value.empty()) text(member, value);
  }

  void text_or_list(std::string_view member, const std::vector<std::string>& values) {
    if (values.size() == 1) return text(member, values.front());
    begin(member);
    text_ += '[';
    for (const std::string& value : values) {
      if (text_.back() != '[') text_ += ',';
      append_json_string(text_, value);
    }
    text_ += ']';
  }

  void number(std::string_view member, std::int64_t value) {
    begin(member);
    std::array<char, 20> digits;
    const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    text_.append(digits.data(), written.ptr);
  }

  std::string_view finish() {
    text_ += '}';
    return text_;
  }

 private:
  // Member names are ours and need no escaping.
  void begin(std::string_view member) {
    text_ += text_.empty() ? "{\"" : ",\"";
    text_ += member;
    text_ += "\":";
  }

  std::string text_;
};

std::size_t capacity_for(const Claims& claims) {
  std::size_t size = 256 + claims.issuer.size() + 2 * claims.user_id.size() +
                     claims.client_id.size() + claims.container_id.size() + claims.id.size();
  for (const std::string& audience : claims.audience) size += audience.size() + 3;
  for (const std::string& scope : claims.scopes) size += scope.size() + 1;
  return size;
}

std::string header_segment(const SigningKey& key, JwtType type) {
  ObjectWriter header(64 + key.kid().size());
  header.text("alg", name(key.algorithm()));
  header.text("typ", name(type));
  header.text("kid", key.kid());
  return base64url_encode(as_bytes(header.finish()));
}

std::string payload_segment(const Claims& claims) {
  ObjectWriter payload(capacity_for(claims));
  payload.text("iss", claims.issuer);
  payload.text("sub", claims.user_id);
  payload.text("user_id", claims.user_id);
  payload.text_or_list("aud", claims.audience);
  payload.text_unless_empty("scope", format_scope_list(views_of(claims.scopes)));
  payload.text_unless_empty("client_id", claims.client_id);
  payload.text_unless_empty("container_id", claims.container_id);
  payload.number("iat", claims.issued_at);
  if (claims.not_before) payload.number("nbf", *claims.not_before);
  payload.number("exp", claims.expires_at);
  payload.text("jti", claims.id);
  return base64url_encode(as_bytes(payload.finish()));
}

// --- form --------------------------------------------------------------------------------------

struct Segments {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signed_text;  // header and payload with the dot between
};

Result<Segments> split(std::string_view jwt) {
  const std::size_t first = jwt.find('.');
  if (first == jwt.npos) return Error::malformed;
  const std::size_t second = jwt.find('.', first + 1);
  if (second == jwt.npos || jwt.find('.', second + 1) != jwt.npos) return Error::malformed;
  const Segments segments{jwt.substr(0, first), jwt.substr(first + 1, second - first - 1),
                          jwt.substr(second + 1), jwt.substr(0, second)};
  if (segments.header.empty() || segments.payload.empty() || segments.signature.empty()) {
    return Error::malformed;
  }
  return segments;
}

Result<json> decode_object(std::string_view segment) {
  const Result<Bytes> bytes = base64url_decode(segment);
  if (!bytes) return Error::malformed;
  return parse_json_object(as_text(*bytes), {.bytes = kMaxJwt});
}

// Null when the member is absent or no string.
const std::string* text_member(const json& object, std::string_view member) {
  const auto found = object.find(member);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

struct Header {
  std::string algorithm;
  std::string type;
  std::string kid;
};

// A header that brings its own key, points to one, or changes how the rest is to be read is refused
// whole, never followed (RFC 8725 3.1 and 3.10; RFC 7797 for b64).
Result<Header> read_header(const json& header) {
  constexpr std::array<std::string_view, 7> kRefused{"crit", "b64", "jwk", "jku",
                                                     "x5c",  "x5u", "zip"};
  for (const std::string_view member : kRefused) {
    if (header.contains(member)) return Error::malformed;
  }
  const std::string* algorithm = text_member(header, "alg");
  const std::string* type = text_member(header, "typ");
  const std::string* kid = text_member(header, "kid");
  if (algorithm == nullptr || type == nullptr || kid == nullptr || kid->size() > kMaxKid) {
    return Error::malformed;
  }
  return Header{*algorithm, *type, *kid};
}

// --- claims ------------------------------------------------------------------------------------

char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

bool is_type(std::string_view typ, JwtType type) {
  constexpr std::string_view kPrefix = "application/";
  if (equal_ignoring_case(typ.substr(0, kPrefix.size()), kPrefix)) {
    typ.remove_prefix(kPrefix.size());
  }
  return equal_ignoring_case(typ, name(type));
}

// Reads claims of the right JSON type, and remembers whether one was not.
class ClaimReader {
 public:
  explicit ClaimReader(const json& payload) : payload_(payload) {}

  bool malformed() const { return malformed_; }

  std::string text(std::string_view claim) {
    const auto found = payload_.find(claim);
    if (found == payload_.end()) return {};
    if (found->is_string()) return found->get_ref<const std::string&>();
    malformed_ = true;
    return {};
  }

  // A NumericDate in whole seconds from 1970 to 9999. RFC 7519 2 allows fractions; nobody needs
  // one, and two readers may round it differently.
  std::optional<std::int64_t> date(std::string_view claim) {
    const auto found = payload_.find(claim);
    if (found == payload_.end()) return std::nullopt;
    if (found->is_number_unsigned()) {
      const auto seconds = found->get<std::uint64_t>();
      if (seconds <= kMaxNumericDate) return static_cast<std::int64_t>(seconds);
    }
    malformed_ = true;
    return std::nullopt;
  }

  std::int64_t required_date(std::string_view claim) {
    const std::optional<std::int64_t> seconds = date(claim);
    if (!seconds) malformed_ = true;
    return seconds.value_or(0);
  }

  std::vector<std::string> text_or_list(std::string_view claim) {
    const auto found = payload_.find(claim);
    if (found == payload_.end()) return {};
    if (found->is_string()) return {found->get<std::string>()};
    const bool is_list = found->is_array() && !found->empty() && found->size() <= kMaxAudiences &&
                         std::all_of(found->begin(), found->end(),
                                     [](const json& item) { return item.is_string(); });
    if (is_list) return found->get<std::vector<std::string>>();
    malformed_ = true;
    return {};
  }

  std::vector<std::string> scopes(std::string_view claim) {
    Result<std::vector<std::string>> list = parse_scope_list(text(claim));
    if (list) return std::move(*list);
    malformed_ = true;
    return {};
  }

 private:
  const json& payload_;
  bool malformed_ = false;
};

struct ReadClaims {
  Claims claims;
  std::string subject;
};

Result<ReadClaims> read_claims(const json& payload) {
  ClaimReader reader(payload);
  ReadClaims read;
  read.subject = reader.text("sub");
  Claims& claims = read.claims;
  claims.issuer = reader.text("iss");
  claims.user_id = reader.text("user_id");
  claims.audience = reader.text_or_list("aud");
  claims.scopes = reader.scopes("scope");
  claims.client_id = reader.text("client_id");
  claims.container_id = reader.text("container_id");
  claims.id = reader.text("jti");
  claims.issued_at = reader.required_date("iat");
  claims.expires_at = reader.required_date("exp");
  claims.not_before = reader.date("nbf");
  if (reader.malformed()) return Error::malformed;
  return read;
}

Result<void> check_times(const Claims& claims, const JwtExpectation& expected) {
  // Subtracted from the claim, which is bounded: adding to now could overflow.
  const std::int64_t leeway = std::clamp<std::int64_t>(expected.leeway, 0, kMaxLeeway);
  if (claims.expires_at <= expected.now) return Error::expired;
  if (claims.issued_at - leeway > expected.now) return Error::not_yet_valid;
  if (claims.not_before && *claims.not_before - leeway > expected.now) return Error::not_yet_valid;
  return {};
}

bool has_audience(const Claims& claims, const JwtExpectation& expected) {
  if (!expected.audience) return !claims.audience.empty();
  return std::find(claims.audience.begin(), claims.audience.end(), *expected.audience) !=
         claims.audience.end();
}

bool has_user(const ReadClaims& read, const JwtExpectation& expected) {
  const std::string& user_id = read.claims.user_id;
  if (user_id.empty() || user_id != read.subject) return false;
  return !expected.user_id || user_id == *expected.user_id;
}

Result<Claims> check_claims(const Header& header, const json& payload,
                            const JwtExpectation& expected) {
  if (!is_type(header.type, expected.type)) return Error::wrong_type;
  const std::string* issuer = text_member(payload, "iss");
  if (issuer == nullptr || *issuer != expected.issuer) return Error::wrong_issuer;
  Result<ReadClaims> read = read_claims(payload);
  if (!read) return read.error();
  if (const Result<void> times = check_times(read->claims, expected); !times) return times.error();
  if (!has_audience(read->claims, expected)) return Error::wrong_audience;
  if (!has_user(*read, expected)) return Error::wrong_user;
  if (!covers_all(views_of(read->claims.scopes), expected.required_scopes)) {
    return Error::insufficient_scope;
  }
  return std::move(read->claims);
}

}  // namespace

std::string_view name(JwtType type) {
  switch (type) {
    case JwtType::access_token:
      return "at+jwt";
    case JwtType::user_claim:
      return "user-claim+jwt";
  }
  throw std::invalid_argument("no such JWT type");
}

std::string sign_jwt(const SigningKey& key, JwtType type, const Claims& claims) {
  const std::string payload = payload_segment(claims);
  std::string jwt = header_segment(key, type);
  constexpr std::size_t kLongestSignature = 684;  // 512 bytes of RSA in base64url
  jwt.reserve(jwt.size() + payload.size() + kLongestSignature + 2);
  jwt += '.';
  jwt += payload;
  const Bytes signature = key.sign(as_bytes(jwt));
  jwt += '.';
  jwt += base64url_encode(signature);
  return jwt;
}

Result<VerifiedJwt> verify_jwt(std::string_view jwt, const KeySet& keys,
                               const JwtExpectation& expectation) {
  if (jwt.size() > kMaxJwt) return Error::malformed;
  const Result<Segments> segments = split(jwt);
  if (!segments) return segments.error();
  const Result<json> header_object = decode_object(segments->header);
  if (!header_object) return header_object.error();
  const Result<Header> header = read_header(*header_object);
  if (!header) return header.error();
  const Result<json> payload = decode_object(segments->payload);
  if (!payload) return payload.error();
  const Result<Bytes> signature = base64url_decode(segments->signature);
  if (!signature) return Error::malformed;

  const Result<Algorithm> algorithm = parse_algorithm(header->algorithm);
  if (!algorithm) return algorithm.error();
  const PublicKey* key = keys.find(header->kid);
  if (key == nullptr) return Error::unknown_key;
  if (key->algorithm() != *algorithm) return Error::unsupported_algorithm;
  if (!key->verify(as_bytes(segments->signed_text), *signature)) return Error::invalid_signature;

  Result<Claims> claims = check_claims(*header, *payload, expectation);
  if (!claims) return claims.error();
  return VerifiedJwt{expectation.type, header->kid, std::move(*claims)};
}

bool looks_like_jwt(std::string_view token) {
  if (token.size() > kMaxJwt || std::count(token.begin(), token.end(), '.') != 2) return false;
  // The 16 bits of `{"` end within the third character: "ey" and one of I, J, K, L.
  return token.size() >= 3 && token.starts_with("ey") && token[2] >= 'I' && token[2] <= 'L';
}

}  // namespace openclaw
