// JSON objects with their members in the order in which they are put, compact: the payloads that we
// sign, byte for byte the same for the same content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace openclaw {

// Appends the members of one JSON object. Member names are ours and need no escaping; every text is
// valid UTF-8.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::size_t capacity = 0) { text_.reserve(capacity); }

  void text(std::string_view member, std::string_view value);
  void text_unless_empty(std::string_view member, std::string_view value);
  void number(std::string_view member, std::int64_t value);
  // JSON that is written as it is.
  void literal(std::string_view member, std::string_view json);
  void list(std::string_view member, std::span<const std::string> values);
  // A single value is written as a string, as `aud` may be (RFC 7519 4.1.3).
  void text_or_list(std::string_view member, std::span<const std::string> values);
  void object(std::string_view member, ObjectWriter value);

  // Once, as the last call. Valid as long as the writer.
  std::string_view finish();

 private:
  void begin(std::string_view member);

  std::string text_;
};

}  // namespace openclaw
