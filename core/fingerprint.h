// Pins: the SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469 2.4), written
// `sha256/BASE64` as curl's --pinnedpubkey and Chromium do (curl writes `sha256//`).
#pragma once

#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/result.h"

namespace openclaw {

inline constexpr std::size_t kMaxCertificate = std::size_t{64} * 1024;

// SHA-256 over the DER SubjectPublicKeyInfo of a certificate or of a bare public key, given as PEM
// or DER; the first PEM block counts. Error::invalid_certificate, Error::too_long.
Result<Digest> spki_sha256(ByteView certificate_or_key);

// `sha256/BASE64`.
std::string format_fingerprint(const Digest& spki);

// Reads `sha256/BASE64`, `sha256//BASE64`, `sha256:HEX` (colons between the bytes allowed), and a
// PEM certificate or public key. White space around it is ignored. Error::invalid_fingerprint, or
// the errors of spki_sha256 for PEM.
Result<Digest> parse_fingerprint(std::string_view text);

}  // namespace openclaw
