// Strict JSON for what arrives from strangers: JOSE headers, claims, JWKs. simdjson does the
// grammar; this adds the limits and refuses what two parsers could read in two ways (RFC 8259 4,
// RFC 7515 4, RFC 8725 2.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace openclaw {

struct JsonLimits {
  std::size_t bytes = 8 * 1024;
  std::size_t depth = 8;        // of nested objects and arrays, the outermost counted; 1000 at most
  std::size_t elements = 2048;  // members and array items altogether
};

struct JsonNode;
class JsonObject;

// A value of a JsonDocument, which outlives it.
class JsonValue {
 public:
  // Nothing for a value of another type.
  std::optional<std::string_view> text() const;
  // A whole number from 0, without fraction or exponent.
  std::optional<std::uint64_t> number() const;
  std::optional<JsonObject> object() const;
  std::optional<std::vector<JsonValue>> list() const;

 private:
  friend class JsonDocument;
  friend class JsonObject;
  explicit JsonValue(const JsonNode* node) : node_(node) {}
  std::vector<JsonValue> children() const;

  const JsonNode* node_;
};

// An object of a JsonDocument, which outlives it.
class JsonObject {
 public:
  std::optional<JsonValue> find(std::string_view member) const;
  bool contains(std::string_view member) const { return find(member).has_value(); }
  // How many members it has.
  std::size_t size() const;
  // The bytes of all names and texts in it.
  std::size_t text_bytes() const;

 private:
  friend class JsonDocument;
  friend class JsonValue;
  explicit JsonObject(const JsonNode* node) : node_(node) {}

  const JsonNode* node_;
};

// A JSON object and all that it holds.
class JsonDocument {
 public:
  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  JsonObject object() const;

 private:
  friend class JsonReader;
  JsonDocument();

  std::vector<JsonNode> nodes_;  // each before its children, the outermost object first
  std::vector<char> texts_;      // what the nodes' names and texts are views of
};

// Error::malformed for text over the limits, anything that is not exactly one object (a byte order
// mark before it, or anything after it but white space), duplicate member names at any level,
// invalid UTF-8, a NUL character in a name or string, and a number that neither a double nor 64
// bits hold.
Result<JsonDocument> parse_json_object(std::string_view text, const JsonLimits& limits = {});

// The strings of a JSON array that holds nothing else. Error::too_long for more than `longest` of
// them; Error::malformed as above.
Result<std::vector<std::string>> parse_json_texts(std::string_view text, std::size_t longest);

// Appends `text` as a JSON string, quotes included (RFC 8259 7): only what must be escaped is.
// Precondition: valid UTF-8.
void append_json_string(std::string& out, std::string_view text);

}  // namespace openclaw
