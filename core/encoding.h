// Binary to text and back, strictly: what decodes is exactly what encoding would have written.
#pragma once

#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/result.h"

namespace openclaw {

// base64url without padding (RFC 4648 5, RFC 7515 2), of what is no secret: by tables, so that time
// tells of the text.
std::string base64url_encode(ByteView bytes);
// The same behind what `text` holds.
void append_base64url(std::string& text, ByteView bytes);
// Error::bad_encoding for padding, white space, a character outside the alphabet, a length of
// 4n+1, or non-zero unused bits.
Result<Bytes> base64url_decode(std::string_view text);

// base64 with padding (RFC 4648 4), as fingerprints and credentials are written, in constant time.
// Errors as above; padding is
// required.
std::string base64_encode(ByteView bytes);
Result<Bytes> base64_decode(std::string_view text);

// Lower-case hexadecimal. Decoding takes both cases; Error::bad_encoding otherwise.
std::string hex_encode(ByteView bytes);
Result<Bytes> hex_decode(std::string_view text);

// Base62 over 0-9A-Za-z, big-endian, left-padded with '0' to `width` characters. The number must
// fit: 62^width >= 256^size, std::invalid_argument otherwise.
std::string base62_encode(ByteView bytes, std::size_t width);
// The character of a value below 62.
char base62_digit(std::uint32_t value);
// True when every character is of the base62 alphabet.
bool is_base62(std::string_view text);

// CRC-32 (ISO 3309, the one of zlib and PNG). A typing check, no protection.
std::uint32_t crc32(ByteView bytes);

}  // namespace openclaw
