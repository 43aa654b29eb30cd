// Signing keys and the public halves that verify. A key has exactly one algorithm: what a token's
// header says can only agree or be refused (RFC 8725 3.1).
//
//   EdDSA   Ed25519 (RFC 8032, RFC 8037) on libsodium; the default
//   ES256   P-256 and SHA-256 (RFC 7518 3.4) on OpenSSL; signatures are the 64 raw bytes r || s
//   RS256   RSA and SHA-256, PKCS #1 v1.5 (RFC 7518 3.3) on OpenSSL; keys of 2048 to 4096 bits,
//           made with 2048
//
// The kid is the RFC 7638 thumbprint (SHA-256, base64url).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/json.h"
#include "core/random.h"
#include "core/result.h"
#include "core/secret.h"

namespace openclaw {

enum class Algorithm : std::uint8_t { EdDSA, ES256, RS256 };

// "EdDSA", "ES256", "RS256" (RFC 7518 3.1, RFC 8037 3.1).
std::string_view name(Algorithm algorithm);
// Error::unsupported_algorithm; case matters (RFC 7515 4.1.1).
Result<Algorithm> parse_algorithm(std::string_view name);

class PublicKey {
 public:
  PublicKey(PublicKey&&) noexcept;
  PublicKey& operator=(PublicKey&&) noexcept;
  ~PublicKey();

  // One JWK (RFC 7517 4). `alg` is required. Error::malformed (not strict JSON, duplicate member,
  // over 16 KiB), Error::unsupported_key, Error::invalid_key, Error::not_for_signatures. A `kid`
  // that is present must be 1..256 printable ASCII characters and is kept as given; one that is
  // absent is the thumbprint. A JWK with private members is Error::invalid_key.
  static Result<PublicKey> from_jwk(std::string_view json);
  // The same of a key that generate() made and whose kid is its thumbprint, which is what vouches
  // for its numbers: OpenSSL sees them when the first signature is checked, which takes
  // milliseconds. Error::invalid_key for another kid.
  static Result<PublicKey> from_own_jwk(std::string_view json);
  // The same of an object that was read, with at most 16 KiB of names and texts.
  static Result<PublicKey> from_jwk(const JsonObject& jwk);

  Algorithm algorithm() const;
  const std::string& kid() const;
  // The public JWK: kty, crv/x/y or n/e, kid, alg, use "sig". Compact, members in a fixed order.
  std::string jwk() const;
  // RFC 7638 3, base64url of the SHA-256.
  std::string thumbprint() const;
  // Constant work for a signature of the right length; false for any other length, for DER, for r
  // or s of zero or not below n, and for an S of Ed25519 that is not canonical. One thread at a
  // time.
  bool verify(ByteView message, ByteView signature) const;

 private:
  friend class SigningKey;
  struct Impl;
  enum class Origin : std::uint8_t { anyone, ourselves };
  static Result<PublicKey> read(const JsonObject& jwk, Origin origin);
  explicit PublicKey(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class SigningKey {
 public:
  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();

  // Ed25519 seeds and P-256 scalars are drawn from `random`; RSA primes come from OpenSSL's own
  // generator, which takes no other.
  static SigningKey generate(Algorithm algorithm, RandomSource& random);

  // The private half to be sealed: Ed25519 the 32-byte seed, the others PKCS #8 DER.
  Secret private_bytes() const;
  // The reverse, with the public half derived again and checked. Error::invalid_key.
  static Result<SigningKey> from_private_bytes(Algorithm algorithm, ByteView bytes);

  Algorithm algorithm() const;
  const std::string& kid() const;  // the thumbprint
  const PublicKey& public_key() const;
  // The JWS signature (RFC 7515 5.1): 64 bytes for EdDSA and ES256, the modulus's size for RS256.
  // ES256 nonces come from OpenSSL.
  Bytes sign(ByteView message) const;

 private:
  struct Impl;
  explicit SigningKey(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace openclaw
