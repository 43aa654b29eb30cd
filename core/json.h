// Strict JSON for what arrives from strangers: JOSE headers, claims, JWKs. nlohmann-json's SAX
// parser does the grammar; this adds the limits and refuses what two parsers could read in two
// ways (RFC 8259 4, RFC 7515 4, RFC 8725 2.4).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/result.h"

namespace openclaw {

struct JsonLimits {
  std::size_t bytes = 8 * 1024;
  std::size_t depth = 8;        // of nested objects and arrays, the outermost counted
  std::size_t elements = 2048;  // members and array items altogether
};

// A JSON object. Error::malformed for text over the limits, anything that is not exactly one
// object (a byte order mark before it, or anything after it but white space), duplicate member
// names at any level, invalid UTF-8, a NUL character in a name or string, and a number that no
// double holds.
Result<nlohmann::json> parse_json_object(std::string_view text, const JsonLimits& limits = {});

// The strings of a JSON array that holds nothing else. Error::too_long for more than `longest` of
// them; Error::malformed as above.
Result<std::vector<std::string>> parse_json_texts(std::string_view text, std::size_t longest);

// Appends `text` as a JSON string, quotes included (RFC 8259 7): only what must be escaped is.
// Precondition: valid UTF-8.
void append_json_string(std::string& out, std::string_view text);

}  // namespace openclaw
