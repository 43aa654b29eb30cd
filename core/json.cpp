#include "core/json.h"

#include <algorithm>
#include <array>
#include <utility>

#include <simdjson.h>

namespace openclaw {

struct JsonNode {
  enum class Kind : std::uint8_t { other, text, number, object, list };
  Kind kind = Kind::other;
  std::uint32_t children = 0;     // members, or items
  std::uint32_t descendants = 0;  // the nodes behind it that belong to it
  std::string_view name;          // of a member
  std::string_view text;
  std::uint64_t number = 0;
};

namespace {

namespace dom = simdjson::dom;

bool has_nul(std::string_view text) { return text.find('\0') != text.npos; }

// A byte order mark is nothing that JSON begins with, and some parsers skip it.
bool parse(std::string_view text, dom::element& root) {
  // Its buffers are kept: they are as large as the largest text so far.
  static thread_local dom::parser parser;
  if (text.starts_with('\xEF')) return false;
  return parser.parse(text.data(), text.size()).get(root) == simdjson::SUCCESS;
}

bool has_twins(std::vector<std::string_view>& names) {
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) != names.end();
}

}  // namespace

// Copies what simdjson has read, in the order of the text.
class JsonReader {
 public:
  JsonReader(std::size_t bytes, const JsonLimits& limits) : limits_(limits), most_bytes_(bytes) {
    document_.texts_.reserve(bytes);  // no escape is shorter than what it stands for
    document_.nodes_.reserve(std::min<std::size_t>(32, limits.elements) + 1);
  }

  bool read(dom::element root) { return root.is_object() && add(root, {}, 1); }
  JsonDocument take() { return std::move(document_); }

 private:
  bool add(dom::element element, std::string_view name, std::size_t depth) {
    const std::size_t place = document_.nodes_.size();
    if (place > limits_.elements) return false;
    document_.nodes_.emplace_back().name = name;
    switch (element.type()) {
      case dom::element_type::STRING: {
        const std::optional<std::string_view> text = copy(element.get_string().value_unsafe());
        if (!text) return false;
        document_.nodes_[place].kind = JsonNode::Kind::text;
        document_.nodes_[place].text = *text;
        return true;
      }
      case dom::element_type::INT64:
      case dom::element_type::UINT64:
        if (element.get_uint64().get(document_.nodes_[place].number) == simdjson::SUCCESS) {
          document_.nodes_[place].kind = JsonNode::Kind::number;
        }
        return true;
      case dom::element_type::OBJECT:
        return depth <= limits_.depth &&
               add_members(element.get_object().value_unsafe(), place, depth);
      case dom::element_type::ARRAY:
        return depth <= limits_.depth &&
               add_items(element.get_array().value_unsafe(), place, depth);
      default:
        return true;
    }
  }

  bool add_members(dom::object object, std::size_t place, std::size_t depth) {
    std::vector<std::string_view> names;
    names.reserve(16);
    for (const dom::key_value_pair member : object) {
      const std::optional<std::string_view> name = copy(member.key);
      if (!name || !add(member.value, *name, depth + 1)) return false;
      names.push_back(*name);
    }
    close(place, JsonNode::Kind::object, names.size());
    return !has_twins(names);
  }

  bool add_items(dom::array array, std::size_t place, std::size_t depth) {
    std::size_t items = 0;
    for (const dom::element item : array) {
      if (!add(item, {}, depth + 1)) return false;
      ++items;
    }
    close(place, JsonNode::Kind::list, items);
    return true;
  }

  void close(std::size_t place, JsonNode::Kind kind, std::size_t children) {
    JsonNode& node = document_.nodes_[place];
    node.kind = kind;
    node.children = static_cast<std::uint32_t>(children);
    node.descendants = static_cast<std::uint32_t>(document_.nodes_.size() - place - 1);
  }

  std::optional<std::string_view> copy(std::string_view text) {
    if (has_nul(text) || document_.texts_.size() + text.size() > most_bytes_) return std::nullopt;
    const std::size_t begin = document_.texts_.size();
    document_.texts_.insert(document_.texts_.end(), text.begin(), text.end());
    return std::string_view(document_.texts_.data() + begin, text.size());
  }

  const JsonLimits& limits_;
  const std::size_t most_bytes_;
  JsonDocument document_;
};

JsonDocument::JsonDocument() = default;
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

JsonObject JsonDocument::object() const { return JsonObject(nodes_.data()); }

std::vector<JsonValue> JsonValue::children() const {
  std::vector<JsonValue> all;
  all.reserve(node_->children);
  const JsonNode* child = node_ + 1;
  for (std::uint32_t i = 0; i < node_->children; ++i, child += 1 + child->descendants) {
    all.push_back(JsonValue(child));
  }
  return all;
}

std::optional<std::string_view> JsonValue::text() const {
  if (node_->kind != JsonNode::Kind::text) return std::nullopt;
  return node_->text;
}

std::optional<std::uint64_t> JsonValue::number() const {
  if (node_->kind != JsonNode::Kind::number) return std::nullopt;
  return node_->number;
}

std::optional<JsonObject> JsonValue::object() const {
  if (node_->kind != JsonNode::Kind::object) return std::nullopt;
  return JsonObject(node_);
}

std::optional<std::vector<JsonValue>> JsonValue::list() const {
  if (node_->kind != JsonNode::Kind::list) return std::nullopt;
  return children();
}

std::optional<JsonValue> JsonObject::find(std::string_view member) const {
  const JsonNode* child = node_ + 1;
  for (std::uint32_t i = 0; i < node_->children; ++i, child += 1 + child->descendants) {
    if (child->name == member) return JsonValue(child);
  }
  return std::nullopt;
}

std::size_t JsonObject::size() const { return node_->children; }

std::size_t JsonObject::text_bytes() const {
  std::size_t bytes = 0;
  for (std::uint32_t i = 1; i <= node_->descendants; ++i) {
    bytes += node_[i].name.size() + node_[i].text.size();
  }
  return bytes;
}

Result<JsonDocument> parse_json_object(std::string_view text, const JsonLimits& limits) {
  dom::element root;
  if (text.size() > limits.bytes || !parse(text, root)) return Error::malformed;
  JsonReader reader(text.size(), limits);
  if (!reader.read(root)) return Error::malformed;
  return reader.take();
}

Result<std::vector<std::string>> parse_json_texts(std::string_view text, std::size_t longest) {
  dom::element root;
  dom::array array;
  if (!parse(text, root) || root.get_array().get(array) != simdjson::SUCCESS) {
    return Error::malformed;
  }
  std::vector<std::string> texts;
  for (const dom::element item : array) {
    std::string_view value;
    if (item.get_string().get(value) != simdjson::SUCCESS || has_nul(value)) {
      return Error::malformed;
    }
    if (texts.size() == longest) return Error::too_long;
    texts.emplace_back(value);
  }
  return texts;
}

namespace {

constexpr std::array<bool, 256> make_must_be_escaped() {
  std::array<bool, 256> must{};
  for (std::size_t c = 0; c < 0x20; ++c) must[c] = true;
  must['"'] = must['\\'] = true;
  return must;
}

constexpr std::array<bool, 256> kMustBeEscaped = make_must_be_escaped();

bool must_be_escaped(char c) { return kMustBeEscaped[static_cast<unsigned char>(c)]; }

}  // namespace

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
