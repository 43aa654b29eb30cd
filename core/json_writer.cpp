#include "core/json_writer.h"

#include <array>
#include <charconv>

#include "core/json.h"

namespace openclaw {

void ObjectWriter::text(std::string_view member, std::string_view value) {
  begin(member);
  append_json_string(text_, value);
}

void ObjectWriter::text_unless_empty(std::string_view member, std::string_view value) {
  if (!value.empty()) text(member, value);
}

void ObjectWriter::number(std::string_view member, std::int64_t value) {
  begin(member);
  std::array<char, 20> digits;
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  text_.append(digits.data(), written.ptr);
}

void ObjectWriter::literal(std::string_view member, std::string_view json) {
  begin(member);
  text_ += json;
}

void ObjectWriter::list(std::string_view member, std::span<const std::string> values) {
  begin(member);
  text_ += '[';
  for (const std::string& value : values) {
    if (text_.back() != '[') text_ += ',';
    append_json_string(text_, value);
  }
  text_ += ']';
}

void ObjectWriter::text_or_list(std::string_view member, std::span<const std::string> values) {
  if (values.size() == 1) return text(member, values.front());
  list(member, values);
}

// By value: it is finished here, and whoever gave it needs it no more.
void ObjectWriter::object(std::string_view member, ObjectWriter value) {
  begin(member);
  text_ += value.finish();
}

std::string_view ObjectWriter::finish() {
  text_ += text_.empty() ? "{}" : "}";
  return text_;
}

void ObjectWriter::begin(std::string_view member) {
  text_ += text_.empty() ? "{\"" : ",\"";
  text_ += member;
  text_ += "\":";
}

}  // namespace openclaw
