// application/x-www-form-urlencoded, as OAuth sends its parameters (RFC 6749 appendix B) and as
// queries are written. Strict: each of cpp-httplib's own readings of a form (the last of `a=b=c`,
// %uXXXX, identical pairs merged) could hide a second token.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace openclaw::front {

inline constexpr std::size_t kMaxParameters = 64;

struct FormError {
  const char* description = "";  // a constant sentence, never a byte of the input
};

// Looks into the text that was parsed.
class Form {
 public:
  // Refused: a percent sign without two hex digits, text that is not UTF-8 or holds NUL, a name
  // given twice (RFC 6749 3.1, 3.2), more than kMaxParameters.
  static std::variant<Form, FormError> parse(std::string_view text);

  // A parameter without a value counts as left out (RFC 6749 3.1, 3.2).
  std::optional<std::string_view> value(std::string_view name) const;

 private:
  std::optional<std::string_view> decoded(std::string_view text);

  std::size_t size_ = 0;             // of the whole text
  std::unique_ptr<char[]> decoded_;  // what was written with escapes, without them
  std::size_t decoded_size_ = 0;
  std::vector<std::pair<std::string_view, std::string_view>> parameters_;
};

// True for the media type of a form, in UTF-8 when it names a charset.
bool is_form_type(std::string_view content_type);
// True for application/json, with or without parameters.
bool is_json_type(std::string_view content_type);

// UTF-8 as Postgres takes it: well formed (RFC 3629) and without NUL.
bool is_sql_text(std::string_view text);

}  // namespace openclaw::front
