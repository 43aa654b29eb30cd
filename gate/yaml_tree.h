// A YAML file as a tree in which every node knows its place: what a configuration needs, and no
// more. Whatever makes YAML mean two things or grow is refused, before anything is built of it:
// anchors, aliases, tags, several documents, other encodings than UTF-8, control characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace openclaw::gate {

inline constexpr std::size_t kMaxYamlDepth = 8;
inline constexpr std::size_t kMaxYamlNodes = 1'500'000;  // 100,000 keys with all their settings

struct YamlNode {
  enum class Kind : std::uint8_t { nothing, scalar, list, map };

  Kind kind = Kind::nothing;
  bool quoted = false;     // a scalar in quotes is a text, whatever it looks like
  bool flow = false;       // a list or map in brackets or braces
  int line = 0;            // from 1
  int column = 0;          // from 1, in bytes
  std::size_t offset = 0;  // in the text
  std::string text;
  std::vector<YamlNode> items;  // of a list; of a map its keys and values by turns
};

struct YamlError {
  int line;  // from 1; 0 is the whole text
  int column;
  std::string message;
};

// An empty text, or one of comments only, is a node of Kind::nothing. A node that is left empty
// (`key:`) has the place of whatever comes next. Never throws for what the text holds.
std::variant<YamlNode, YamlError> read_yaml(std::string_view text,
                                            std::size_t max_nodes = kMaxYamlNodes);

}  // namespace openclaw::gate
