// Token Status List (draft-ietf-oauth-status-list-21): one signed, compressed bit for each JWT that
// refers to the list, so that whoever checks JWTs learns of revocations by reading one small
// document every so often, with no look-up a request.
//
// One bit a token: 0 valid, 1 invalid (sections 4.1, 7.1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/jwks.h"
#include "core/result.h"
#include "core/signing_key.h"

namespace openclaw {

inline constexpr std::uint32_t kStatusListSize = 1U << 17;  // tokens in a list of ours
inline constexpr std::size_t kMaxStatusListBytes = std::size_t{1} << 20;  // of a list that is read
inline constexpr std::size_t kMaxStatusListToken = std::size_t{2} << 20;

// A JWT's place in a list of ours, by its jti: the first 24 bits of the SHA-256, modulo
// kStatusListSize.
std::uint32_t status_list_index(std::string_view jti);

class StatusList {
 public:
  // `size` tokens, rounded up to whole bytes, all valid or all invalid.
  explicit StatusList(std::uint32_t size = kStatusListSize, bool all_invalid = false);

  // std::out_of_range beyond the list.
  void invalidate(std::uint32_t index);
  // An index beyond the list is invalid too: fail closed (section 8.3).
  bool is_invalid(std::uint32_t index) const;

  // base64url of the ZLIB stream (RFC 1950) over the bits, the first token in the lowest bit.
  std::string compressed() const;
  // Error::malformed for what is no such text, or is followed by anything; Error::too_long when it
  // unpacks to more than kMaxStatusListBytes, found out before that much is unpacked.
  static Result<StatusList> decompressed(std::string_view text);

 private:
  Bytes bits_;
};

// A Status List Token (section 5.1): typ statuslist+jwt, sub is the list's own URI.
struct StatusListToken {
  std::string uri;                // sub
  std::int64_t issued_at = 0;     // iat, NumericDate
  std::int64_t expires_at = 0;    // exp
  std::int64_t time_to_live = 0;  // ttl, seconds that a reader may keep it; left out when 0
  StatusList list;
  // Signing keys that were revoked while verifiers may still hold them (our own claim,
  // `revoked_keys`; left out when empty): a reader drops them at once.
  std::vector<std::string> revoked_keys;
};

// Precondition: every text is valid UTF-8.
std::string sign_status_list(const SigningKey& key, const StatusListToken& token);

// Checks form, algorithm, key and signature as verify_jwt does (a text over kMaxStatusListToken is
// malformed), then typ (Error::wrong_type), sub against `uri` byte for byte
// (Error::wrong_audience), that every claim is of its type, iat and exp are there, bits is 1 and
// the list unpacks (Error::malformed), exp (Error::expired) and, with leeway, iat
// (Error::not_yet_valid). Does no I/O.
Result<StatusListToken> verify_status_list(std::string_view jwt, const KeySet& keys,
                                           std::string_view uri, std::int64_t now,
                                           std::int64_t leeway);

}  // namespace openclaw
