#include "service/form.h"

#include <algorithm>
#include <cstdint>

#include "service/http_frame.h"

namespace openclaw::front {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The length of the well-formed character that `text` begins with, 0 when there is none
// (RFC 3629 4).
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto within = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const auto tail = [&](std::size_t i) { return within(i, 0x80, 0xBF); };
  const unsigned lead = byte(0);
  if (lead == 0) return 0;
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;  // a stray tail byte, or an over-long form
  if (lead < 0xE0) return tail(1) ? 2 : 0;
  if (lead < 0xF0) {
    const bool second = within(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF);
    return second && tail(2) ? 3 : 0;
  }
  if (lead < 0xF5) {
    const bool second = within(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF);
    return second && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

// What stands before the parameters (RFC 9110 8.3.1).
std::string_view media_type(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return type;
}

}  // namespace

bool is_sql_text(std::string_view text) {
  const auto ascii = [](char c) { return static_cast<signed char>(c) > 0; };
  text.remove_prefix(
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), ascii) - text.begin()));
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::optional<std::string_view> Form::decoded(std::string_view text) {
  const auto is_escape = [](char c) { return c == '%' || c == '+'; };
  if (std::none_of(text.begin(), text.end(), is_escape)) return text;
  // What is decoded is no longer than what was written: one block holds all of it.
  if (!decoded_) decoded_ = std::make_unique<char[]>(size_);
  char* const begin = decoded_.get() + decoded_size_;
  char* end = begin;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      *end++ = ' ';
    } else if (text[i] != '%') {
      *end++ = text[i];
    } else {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      *end++ = static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  const std::string_view out(begin, static_cast<std::size_t>(end - begin));
  decoded_size_ += out.size();
  return out;
}

std::variant<Form, FormError> Form::parse(std::string_view text) {
  Form form;
  form.size_ = text.size();
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (form.parameters_.size() == kMaxParameters) {
      return FormError{"There are more than 64 parameters."};
    }

    const std::size_t equals = std::min(pair.find('='), pair.size());
    const auto name = form.decoded(pair.substr(0, equals));
    const auto value = form.decoded(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) return FormError{"A percent escape is malformed."};
    if (!is_sql_text(*name) || !is_sql_text(*value)) {
      return FormError{"A parameter is not UTF-8 text."};
    }
    for (const auto& [known, unused] : form.parameters_) {
      if (known == *name) return FormError{"A parameter is given twice."};
    }
    form.parameters_.emplace_back(*name, *value);
  }
  return form;
}

std::optional<std::string_view> Form::value(std::string_view name) const {
  for (const auto& [known, value] : parameters_) {
    if (known == name && !value.empty()) return value;
  }
  return std::nullopt;
}

bool is_form_type(std::string_view content_type) {
  if (!equals_ignoring_case(media_type(content_type), "application/x-www-form-urlencoded")) {
    return false;
  }
  const std::size_t semicolon = content_type.find(';');
  if (semicolon == content_type.npos) return true;

  std::string_view parameter = content_type.substr(semicolon + 1);
  while (!parameter.empty() && (parameter.front() == ' ' || parameter.front() == '\t')) {
    parameter.remove_prefix(1);
  }
  return equals_ignoring_case(parameter, "charset=utf-8") ||
         equals_ignoring_case(parameter, "charset=\"utf-8\"");
}

bool is_json_type(std::string_view content_type) {
  return equals_ignoring_case(media_type(content_type), "application/json");
}

}  // namespace openclaw::front
