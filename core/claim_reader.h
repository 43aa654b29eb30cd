// Reads the claims of a JWT (RFC 7519 4) by their JSON types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace openclaw {

// A claim that is absent reads as empty; one of the wrong type too, and sets the flag that the
// reader was given, so that a payload is read in one go and judged once.
class ClaimReader {
 public:
  // The object's document and the flag outlive the reader and those made by object().
  ClaimReader(JsonObject object, bool& malformed) : object_(object), malformed_(malformed) {}

  std::string text(std::string_view claim);
  // Malformed also when it is absent or empty.
  std::string required_text(std::string_view claim);
  // A whole number from 0 to `largest`.
  std::optional<std::uint64_t> number(std::string_view claim, std::uint64_t largest);
  // A NumericDate in whole seconds from 1970 to 9999. RFC 7519 2 allows fractions; nobody needs
  // one, and two readers may round it differently.
  std::optional<std::int64_t> date(std::string_view claim);
  std::int64_t required_date(std::string_view claim);
  // An array of strings, of at most `longest` items.
  std::vector<std::string> list(std::string_view claim, std::size_t longest);
  // A string, or an array of 1 to `longest` strings.
  std::vector<std::string> text_or_list(std::string_view claim, std::size_t longest);
  // A claim whose value is an object, to be read in turn.
  std::optional<ClaimReader> object(std::string_view claim);

  std::size_t size() const { return object_.size(); }
  void refuse() { malformed_ = true; }

 private:
  JsonObject object_;
  bool& malformed_;
};

// True when the claim is a string and is `value`, byte for byte.
bool claim_is(const JsonObject& object, std::string_view claim, std::string_view value);

}  // namespace openclaw
