#include "gate/config_edit.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/json.h"
#include "core/opaque_token.h"
#include "gate/time_text.h"
#include "gate/yaml_tree.h"

namespace openclaw::gate {
namespace {

using Problems = std::vector<ConfigProblem>;
using Kind = YamlNode::Kind;

// --- the text by lines --------------------------------------------------------------------------

// Lines without their ends, counted from 0. Every line that is written gets the first one's end.
class Lines {
 public:
  explicit Lines(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      lines_.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    has_carriage_returns_ = !lines_.empty() && lines_.front().ends_with('\r');
  }

  std::size_t size() const { return lines_.size(); }
  std::string& operator[](std::size_t i) { return lines_[i]; }
  const std::string& operator[](std::size_t i) const { return lines_[i]; }

  void insert(std::size_t before, std::vector<std::string> added) {
    if (has_carriage_returns_) {
      for (std::string& line : added) line += '\r';
    }
    lines_.insert(at(before), added.begin(), added.end());
  }
  void erase(std::size_t first, std::size_t last) { lines_.erase(at(first), at(last + 1)); }

  std::string text() const {
    std::string text;
    for (const std::string& line : lines_) (text += line) += '\n';
    return text;
  }

 private:
  std::vector<std::string>::iterator at(std::size_t i) {
    return lines_.begin() + static_cast<std::ptrdiff_t>(i);
  }

  std::vector<std::string> lines_;
  bool has_carriage_returns_ = false;
};

std::string_view trimmed(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r");
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

// Blank, a comment, or the mark of a document's end: no part of any value.
bool is_between_values(std::string_view line) {
  const std::string_view text = trimmed(line);
  return text.empty() || text.starts_with('#') || text == "...";
}

// --- places -------------------------------------------------------------------------------------

std::size_t line_index(const YamlNode& node) { return static_cast<std::size_t>(node.line) - 1; }

// The last value that `node` holds, by its place in the text.
const YamlNode& last_within(const YamlNode& node) {
  const YamlNode* last = &node;
  while (!last->items.empty()) last = &last->items.back();
  return *last;
}

// The first line on which something stands behind `offset`; the number of lines when nothing does.
std::size_t next_line(const YamlNode& tree, std::size_t offset, std::size_t end) {
  std::size_t next = end;
  if (tree.kind != Kind::nothing && tree.offset > offset) next = std::min(next, line_index(tree));
  for (const YamlNode& item : tree.items) next = std::min(next, next_line(item, offset, next));
  return next;
}

// The last line of the value that ends before line `bound`.
std::size_t last_line(const Lines& lines, const YamlNode& value, std::size_t bound) {
  const std::size_t first = line_index(last_within(value));
  std::size_t line = std::max(bound, first + 1) - 1;
  while (line > first && is_between_values(lines[line])) --line;
  return line;
}

// The line of a list item's dash, which may stand above the item's first key.
std::size_t dash_line(const Lines& lines, const YamlNode& list, const YamlNode& item) {
  // All dashes of a list stand in one column.
  const std::string dash = std::string(static_cast<std::size_t>(list.column) - 1, ' ') + '-';
  std::size_t line = line_index(item);
  while (line > 0 && !lines[line].starts_with(dash)) --line;
  return line;
}

const YamlNode* find_value(const YamlNode& map, std::string_view key) {
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i].text == key) return &map.items[i + 1];
  }
  return nullptr;
}

const YamlNode* find_key(const YamlNode& map, std::string_view key) {
  const YamlNode* value = find_value(map, key);
  return value == nullptr ? nullptr : value - 1;
}

// --- what is edited -----------------------------------------------------------------------------

struct Document {
  Config config;
  YamlNode tree;
  Lines lines;

  const YamlNode& auth() const { return *find_value(tree, "auth"); }
};

std::variant<Document, Problems> open_document(std::string_view yaml) {
  std::variant<Config, Problems> config = parse_config(yaml, ConfigUse::without_upstream);
  if (auto* problems = std::get_if<Problems>(&config)) return std::move(*problems);
  return Document{std::get<Config>(std::move(config)), std::get<YamlNode>(read_yaml(yaml)),
                  Lines(yaml)};
}

Problems cannot_edit(const YamlNode& at, std::string message) {
  return {{at.line, at.column, std::move(message)}};
}

// The text, when it holds `expected` and nothing else.
std::variant<std::string, Problems> checked(const Document& document, const Config& expected,
                                            const YamlNode& at) {
  std::string text = document.lines.text();
  const std::variant<Config, Problems> parsed = parse_config(text, ConfigUse::without_upstream);
  const auto* config = std::get_if<Config>(&parsed);
  if (config == nullptr || *config != expected) {
    return cannot_edit(at,
                       "auth.tokens is written in a way that cannot be edited by machine: give "
                       "every key an entry of its own lines, or edit the file by hand");
  }
  return text;
}

// --- adding -------------------------------------------------------------------------------------

// Frees the line of `tokens:` from a value that means nothing (`[]`, `~`, `null`), keeping a
// comment. False when something else stands there.
bool empty_value(std::string& line, const YamlNode& key) {
  const std::size_t colon =
      line.find(':', static_cast<std::size_t>(key.column) - 1 + key.text.size());
  if (colon == line.npos) return false;
  const std::string_view rest = std::string_view(line).substr(colon + 1);
  const std::string_view before_comment = rest.substr(0, rest.find(" #"));
  const std::size_t end = before_comment.find_last_not_of(" \t\r") + 1;
  std::string value(before_comment.substr(0, end));
  value.erase(std::remove(value.begin(), value.end(), ' '), value.end());
  if (!value.empty() && value != "[]" && value != "~" && value != "null") return false;
  line.erase(colon + 1, end);
  return true;
}

constexpr std::size_t kStep = 2;

// Puts the entry where `tokens` has no entry yet, or is not there at all. False when it cannot.
bool start_list(Document& document, const ApiKey& key) {
  const YamlNode& auth = document.auth();
  if (auth.flow) return false;
  const std::size_t indent = static_cast<std::size_t>(auth.column) - 1;
  std::vector<std::string> added = api_key_lines(key, indent + kStep);
  if (const YamlNode* tokens = find_key(auth, "tokens"); tokens != nullptr) {
    const std::size_t line = line_index(*tokens);
    if (!empty_value(document.lines[line], *tokens)) return false;
    document.lines.insert(line + 1, std::move(added));
    return true;
  }
  added.insert(added.begin(), std::string(indent, ' ') + "tokens:");
  const std::size_t bound =
      next_line(document.tree, last_within(auth).offset, document.lines.size());
  document.lines.insert(last_line(document.lines, auth, bound) + 1, std::move(added));
  return true;
}

bool append_to_list(Document& document, const YamlNode& list, const ApiKey& key) {
  if (list.flow) return false;
  const std::size_t bound =
      next_line(document.tree, last_within(list).offset, document.lines.size());
  document.lines.insert(last_line(document.lines, list, bound) + 1,
                        api_key_lines(key, static_cast<std::size_t>(list.column) - 1));
  return true;
}

std::optional<Problems> taken(const Config& config, const ApiKey& key) {
  for (const ApiKey& other : config.api_keys) {
    if (other.name == key.name) {
      return Problems{{0, 0,
                       "a key of this name is there already: choose another name, or revoke "
                       "it first"}};
    }
    if (other.hash == key.hash) return Problems{{0, 0, "this key is there already"}};
  }
  return std::nullopt;
}

}  // namespace

std::variant<std::string, Problems> add_api_key(std::string_view yaml, const ApiKey& key) {
  std::variant<Document, Problems> opened = open_document(yaml);
  if (auto* problems = std::get_if<Problems>(&opened)) return std::move(*problems);
  Document& document = std::get<Document>(opened);
  if (std::optional<Problems> problems = taken(document.config, key)) return *std::move(problems);

  const YamlNode* list = find_value(document.auth(), "tokens");
  const bool has_entries = list != nullptr && !list->items.empty();
  if (!(has_entries ? append_to_list(document, *list, key) : start_list(document, key))) {
    return cannot_edit(list != nullptr ? *list : document.auth(),
                       "brackets and braces cannot be edited by machine: write auth and its tokens "
                       "as indented lines, each key from a line `- name: ...`");
  }
  Config expected = document.config;
  expected.api_keys.push_back(key);
  ApiKey& added = expected.api_keys.back();
  if (added.scopes.empty()) added.scopes = expected.required_scopes;
  return checked(document, expected, document.auth());
}

std::variant<std::string, Problems> remove_api_key(std::string_view yaml, std::string_view name) {
  std::variant<Document, Problems> opened = open_document(yaml);
  if (auto* problems = std::get_if<Problems>(&opened)) return std::move(*problems);
  Document& document = std::get<Document>(opened);
  Config expected = document.config;
  const auto found = std::find_if(expected.api_keys.begin(), expected.api_keys.end(),
                                  [&](const ApiKey& key) { return key.name == name; });
  if (found == expected.api_keys.end()) return Problems{{0, 0, std::string(kNoSuchKey)}};

  // Every entry of the list is a key of the configuration, in the same order.
  const YamlNode& list = *find_value(document.auth(), "tokens");
  const auto index = static_cast<std::size_t>(found - expected.api_keys.begin());
  const YamlNode& entry = list.items[index];
  if (list.flow) {
    return cannot_edit(entry,
                       "a list in brackets cannot be edited by machine: remove the key by "
                       "hand");
  }
  const std::size_t bound =
      index + 1 < list.items.size()
          ? dash_line(document.lines, list, list.items[index + 1])
          : next_line(document.tree, last_within(entry).offset, document.lines.size());
  document.lines.erase(dash_line(document.lines, list, entry),
                       last_line(document.lines, entry, bound));
  expected.api_keys.erase(found);
  return checked(document, expected, entry);
}

std::vector<std::string> api_key_lines(const ApiKey& key, std::size_t indent) {
  // A JSON string is a YAML string in double quotes.
  const auto quoted = [](std::string_view text) {
    std::string json;
    append_json_string(json, text);
    return json;
  };
  const std::string dash(indent, ' ');
  std::vector<std::string> lines{dash + "- name: " + quoted(key.name),
                                 dash + "  hash: " + quoted(format_token_hash(key.hash))};
  if (!key.scopes.empty()) {
    std::string list;
    for (const std::string& scope : key.scopes) list += (list.empty() ? "" : ", ") + quoted(scope);
    lines.push_back(dash + "  scopes: [" + list + "]");
  }
  if (key.expires_at) {
    lines.push_back(dash + "  expires_at: " + quoted(format_timestamp(*key.expires_at)));
  }
  return lines;
}

}  // namespace openclaw::gate
