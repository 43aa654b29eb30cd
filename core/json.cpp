#include "core/json.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace openclaw {
namespace {

using nlohmann::json;

// Builds the document as the parser reports it, and stops the parser by returning false. The
// parser keeps its own stack on the heap, and so does this: the input's depth costs no call depth.
class StrictBuilder final : public nlohmann::json_sax<json> {
 public:
  explicit StrictBuilder(const JsonLimits& limits) : limits_(limits) {}

  json take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    return std::isfinite(value) && add(value);
  }
  bool string(string_t& value) override { return has_no_nul(value) && add(std::move(value)); }
  // JSON text has no such thing; only the binary formats report it.
  bool binary(binary_t& /*value*/) override { return false; }

  bool start_object(std::size_t /*size*/) override { return open(json::object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t /*size*/) override { return open(json::array()); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    json& object = *open_.back();
    if (!has_no_nul(name) || object.contains(name)) return false;
    member_ = &object[std::move(name)];
    return true;
  }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return false;
  }

 private:
  static bool has_no_nul(std::string_view text) { return text.find('\0') == text.npos; }

  // Puts a value where the document has its next place; null when that is over a limit.
  json* place(json&& value) {
    if (++elements_ > limits_.elements) return nullptr;
    json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    *member_ = std::move(value);
    return member_;
  }

  bool add(json&& value) { return !open_.empty() && place(std::move(value)) != nullptr; }

  // The pointers in open_ stay good: an open container is its parent's last, so that the parent
  // does not grow before it is closed.
  bool open(json&& container) {
    if (open_.size() >= limits_.depth) return false;
    if (open_.empty()) {
      if (!container.is_object()) return false;
      root_ = std::move(container);
      open_.push_back(&root_);
      return true;
    }
    json* placed = place(std::move(container));
    if (placed == nullptr) return false;
    open_.push_back(placed);
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  const JsonLimits& limits_;
  json root_;
  std::vector<json*> open_;  // from the outermost to the innermost
  json* member_ = nullptr;   // of the innermost object, named and waiting for its value
  std::size_t elements_ = 0;
};

// Takes an array of strings, and stops the parser at whatever else comes.
class TextCollector final : public nlohmann::json_sax<json> {
 public:
  explicit TextCollector(std::size_t longest) : longest_(longest) {}

  bool too_long() const { return too_long_; }
  std::vector<std::string> take() { return std::move(texts_); }

  bool null() override { return false; }
  bool boolean(bool /*value*/) override { return false; }
  bool number_integer(number_integer_t /*value*/) override { return false; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return false; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return false; }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return false; }
  bool end_object() override { return false; }
  bool key(string_t& /*name*/) override { return false; }
  bool start_array(std::size_t /*size*/) override { return !std::exchange(opened_, true); }
  bool end_array() override { return true; }

  bool string(string_t& value) override {
    if (!opened_ || value.find('\0') != value.npos) return false;
    too_long_ = texts_.size() == longest_;
    if (too_long_) return false;
    texts_.push_back(std::move(value));
    return true;
  }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return false;
  }

 private:
  const std::size_t longest_;
  std::vector<std::string> texts_;
  bool opened_ = false;
  bool too_long_ = false;
};

// nlohmann-json takes a NUL byte for the end of the text and skips a byte order mark.
bool has_nul_or_mark(std::string_view text) {
  return text.find('\0') != text.npos || text.starts_with('\xEF');
}

bool must_be_escaped(char c) {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

}  // namespace

Result<json> parse_json_object(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes) return Error::malformed;
  if (has_nul_or_mark(text)) return Error::malformed;

  StrictBuilder builder(limits);
  if (!json::sax_parse(text.begin(), text.end(), &builder)) return Error::malformed;
  return builder.take();
}

Result<std::vector<std::string>> parse_json_texts(std::string_view text, std::size_t longest) {
  if (has_nul_or_mark(text)) return Error::malformed;
  TextCollector texts(longest);
  if (json::sax_parse(text.begin(), text.end(), &texts)) return texts.take();
  return texts.too_long() ? Error::too_long : Error::malformed;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    const auto plain = static_cast<std::size_t>(
        std::find_if(text.begin(), text.end(), must_be_escaped) - text.begin());
    out += text.substr(0, plain);
    if (plain == text.size()) break;
    const char c = text[plain];
    out += '\\';
    if (c == '"' || c == '\\') {
      out += c;
    } else {
      out += "u00";
      out += kHexDigits[static_cast<unsigned char>(c) >> 4];
      out += kHexDigits[static_cast<unsigned char>(c) & 0x0F];
    }
    text.remove_prefix(plain + 1);
  }
  out += '"';
}

}  // namespace openclaw
