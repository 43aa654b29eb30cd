// The world of the JWT tests: a key of each algorithm, their published set, and a token that is
// good at kNow. A test states only what differs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/encoding.h"
#include "core/jwks.h"
#include "core/jwt.h"
#include "core/signing_key.h"
#include "tests/unit/fixed_random.h"
#include "tests/unit/reason.h"

namespace openclaw {

inline constexpr std::int64_t kNow = 1'700'000'000;
inline constexpr std::string_view kIssuer = "https://api.openclaw.example";
inline constexpr std::string_view kAudience = "https://mcp.example.com/mcp";
inline constexpr std::string_view kUser = "user_abc123";
inline constexpr Algorithm kAlgorithms[] = {Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256};

// Made once: RSA keys are slow to find.
inline const SigningKey& signing_key(Algorithm algorithm = Algorithm::EdDSA) {
  static const std::vector<SigningKey> keys = [] {
    FixedRandom random;
    std::vector<SigningKey> made;
    for (const Algorithm each : kAlgorithms) made.push_back(SigningKey::generate(each, random));
    return made;
  }();
  return keys[static_cast<std::size_t>(algorithm)];
}

inline const KeySet& published_keys() {
  static const KeySet keys = [] {
    std::vector<PublicKey> each;
    for (const Algorithm algorithm : kAlgorithms) {
      each.push_back(*PublicKey::from_jwk(signing_key(algorithm).public_key().jwk()));
    }
    return *KeySet::of(std::move(each));
  }();
  return keys;
}

inline Claims good_claims() {
  Claims claims;
  claims.issuer = kIssuer;
  claims.user_id = kUser;
  claims.audience = {std::string(kAudience)};
  claims.scopes = {"mcp:tools", "data:read"};
  claims.client_id = "platform-harness";
  claims.container_id = "ctr_1";
  claims.id = "jti-1";
  claims.issued_at = kNow - 10;
  claims.expires_at = kNow + 290;
  return claims;
}

inline JwtExpectation expectation() {
  JwtExpectation expected;
  expected.type = JwtType::access_token;
  expected.issuer = kIssuer;
  expected.audience = kAudience;
  expected.user_id = kUser;
  expected.now = kNow;
  return expected;
}

// The header and payload of a good token, as JSON to be spoilt.
inline nlohmann::json good_header(Algorithm algorithm = Algorithm::EdDSA) {
  return {{"alg", name(algorithm)}, {"typ", "at+jwt"}, {"kid", signing_key(algorithm).kid()}};
}

inline nlohmann::json good_payload() {
  return {{"iss", kIssuer},
          {"sub", kUser},
          {"user_id", kUser},
          {"aud", kAudience},
          {"scope", "mcp:tools data:read"},
          {"iat", kNow - 10},
          {"exp", kNow + 290},
          {"jti", "jti-1"}};
}

inline std::string segment(std::string_view text) { return base64url_encode(as_bytes(text)); }

// The compact form of any two texts, with a signature that is good.
inline std::string signed_texts(std::string_view header, std::string_view payload,
                                Algorithm algorithm = Algorithm::EdDSA) {
  const std::string text = segment(header) + "." + segment(payload);
  return text + "." + base64url_encode(signing_key(algorithm).sign(as_bytes(text)));
}

inline std::string signed_header(const nlohmann::json& header,
                                 Algorithm algorithm = Algorithm::EdDSA) {
  return signed_texts(header.dump(), good_payload().dump(), algorithm);
}

inline std::string signed_payload(const nlohmann::json& payload) {
  return signed_texts(good_header().dump(), payload.dump());
}

inline std::vector<std::string> segments_of(const std::string& jwt) {
  const std::size_t first = jwt.find('.');
  const std::size_t second = jwt.find('.', first + 1);
  return {jwt.substr(0, first), jwt.substr(first + 1, second - first - 1), jwt.substr(second + 1)};
}

inline std::string decoded(const std::string& part) {
  return std::string(as_text(*base64url_decode(part)));
}

// The text of a JSON object with a member put before its own.
inline std::string doubled(const std::string& object, std::string_view member) {
  return "{" + std::string(member) + "," + object.substr(1);
}

// Why the token is refused, or "accepted".
inline std::string_view verdict(std::string_view jwt,
                                const JwtExpectation& expected = expectation(),
                                const KeySet& keys = published_keys()) {
  return reason(verify_jwt(jwt, keys, expected));
}

}  // namespace openclaw
