// Expected failures, by value. Every function of core that can refuse its input returns a Result;
// exceptions are left for what nobody expects (out of memory, a broken crypto library).
//
// Error is closed: a new reason is a new enumerator here, with its name and message in result.cpp.
// Its name (snake_case, as written here) is part of the interface: SQL returns it as `reason` and
// logs carry it. Its message is for people and never holds a byte of the input.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace openclaw {

enum class Error : std::uint8_t {
  // Why a token is refused. These and `malformed` are all that a caller of verify learns.
  malformed,              // not a token at all: form, alphabet, checksum, duplicate member, size
  unknown,                // well formed, but no such token exists
  expired,                // its expiry is now or in the past
  not_yet_valid,          // nbf or iat lies in the future by more than the leeway
  revoked,                // it was ended: by itself, with its user, or with its container
  insufficient_scope,     // it does not grant everything that was required (RFC 6750 3.1)
  unsupported_algorithm,  // the header's alg is none, symmetric, unknown, or not the key's
  unknown_key,            // the header names no key, or none that is published
  invalid_signature,      // the signature does not fit
  wrong_type,             // typ is not the one demanded (RFC 8725 3.11)
  wrong_issuer,           // iss is not the configured issuer, byte for byte
  wrong_audience,         // aud does not hold the demanded audience
  wrong_user,             // user_id is absent, another one, or not what sub says
  wrong_certificate,      // bound to a client certificate that the caller did not show (RFC 8705 3)

  // Encodings (base64url, hex, base62).
  bad_encoding,  // a character outside the alphabet, padding, a bad length, non-zero unused bits
  too_long,      // longer than the function's stated bound

  // Scopes.
  invalid_scope,    // not area:action by the grammar of scope.h
  too_many_scopes,  // more than kMaxScopes

  // Endpoints (endpoint.h).
  endpoint_malformed,         // not an endpoint: empty, over-long, control characters, bad port
  endpoint_not_https,         // an external endpoint with a scheme other than https
  endpoint_has_userinfo,      // user:password@ in it
  endpoint_has_fragment,      // a #fragment in it (RFC 8707 2)
  endpoint_has_query,         // a ?query in it
  endpoint_bad_host,          // the host is not a DNS name or a plain IP literal
  endpoint_internal_host,     // the host could reach inside: loopback, private, link-local, ...
  endpoint_ambiguous_host,    // decimal, octal or hex IP forms, a trailing dot, not ASCII, xn--
  endpoint_ambiguous_path,    // dot segments, empty segments, a backslash, a bad percent escape
  endpoint_not_service_name,  // a hosted endpoint that is not service:port

  // Fingerprints and certificates.
  invalid_fingerprint,  // none of the forms of fingerprint.h
  invalid_certificate,  // PEM or DER that does not parse as a certificate or public key

  // Keys.
  unsupported_key,     // kty, crv or alg not among EdDSA/Ed25519, ES256/P-256, RS256
  invalid_key,         // off-curve, small order, even or tiny exponent, under 2048 bits, private
  not_for_signatures,  // use or key_ops keep the key from verifying signatures
  duplicate_kid,       // two keys of one set share a kid
  invalid_master_key,  // the text is not a master key
  wrong_master_key,    // the sealed key was sealed under another master key, or was altered

  // Passwords.
  invalid_password,       // empty or longer than kMaxPasswordBytes
  invalid_password_cost,  // outside the bounds of argon2id.h
};

// The enumerator's name, for example "insufficient_scope".
std::string_view name(Error error);

// One sentence for people: what was wrong and what would be right.
std::string_view message(Error error);

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, error) {}

  explicit operator bool() const { return state_.index() == 0; }
  // Precondition for these: the result holds a value. std::bad_variant_access otherwise.
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  // Precondition: the result holds an error.
  Error error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(error) {}

  explicit operator bool() const { return !error_.has_value(); }
  Error error() const { return error_.value(); }

 private:
  std::optional<Error> error_;
};

}  // namespace openclaw
