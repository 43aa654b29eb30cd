#include "gate/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <istream>
#include <optional>
#include <streambuf>
#include <utility>

namespace openclaw::gate {
namespace {

// --- the text -----------------------------------------------------------------------------------

// Reads from memory that it does not own.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin =
        const_cast<char*>(text.data());  // the get area is read only, by the base's design
    setg(begin, begin, begin + text.size());
  }
};

std::uint8_t byte_at(std::string_view text, std::size_t i) {
  return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0;
}

// The length of the well-formed UTF-8 sequence at `i` (RFC 3629 4), or 0.
std::size_t utf8_length(std::string_view text, std::size_t i) {
  const std::uint8_t lead = byte_at(text, i);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::uint8_t second = byte_at(text, i + 1);
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
      (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
    return 0;
  }
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte_at(text, i + k) & 0xC0) != 0x80) return 0;
  }
  return length;
}

bool is_refused_control(std::string_view text, std::size_t i) {
  const std::uint8_t byte = byte_at(text, i);
  if (byte == '\r') return byte_at(text, i + 1) != '\n';
  return (byte < 0x20 && byte != '\t' && byte != '\n') || byte == 0x7F;
}

// yaml-cpp guesses encodings and counts lines by '\n' alone: with nothing but UTF-8 and whole line
// ends in the text, its places are ours.
std::optional<YamlError> check_characters(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) {
    return YamlError{1, 1, "begins with a byte order mark: save it as UTF-8 without one"};
  }
  int line = 1;
  std::size_t line_start = 0;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (length == 0 || is_refused_control(text, i)) {
      return YamlError{line, static_cast<int>(i - line_start) + 1,
                       length == 0 ? "is not UTF-8: save the file as UTF-8"
                                   : "holds a control character: delete it"};
    }
    if (text[i] == '\n') {
      ++line;
      line_start = i + 1;
    }
    i += length;
  }
  return std::nullopt;
}

// --- the tree -----------------------------------------------------------------------------------

// Leaves the parser at once: nothing after a refusal is read.
struct Refusal {
  YamlError error;
};

[[noreturn]] void refuse(const YAML::Mark& mark, std::string message) {
  throw Refusal{{mark.line + 1, mark.column + 1, std::move(message)}};
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::size_t max_nodes) : nodes_left_(max_nodes) {}

  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) {
      refuse(mark, "a second document begins here: keep one, without `---` lines after it");
    }
  }
  void OnDocumentEnd() override {}

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_anchor(mark); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(YamlNode::Kind::nothing, mark, "?", anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode& node = add(YamlNode::Kind::scalar, mark, tag, anchor);
    node.quoted = tag == kQuoted;
    node.text = value;
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(YamlNode::Kind::list, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { open_.pop_back(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(YamlNode::Kind::map, mark, tag, anchor, style);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  // What yaml-cpp reports for a node without a tag of its own.
  static constexpr std::string_view kPlain = "?";
  static constexpr std::string_view kQuoted = "!";

  [[noreturn]] static void refuse_anchor(const YAML::Mark& mark) {
    refuse(mark, "anchors (&) and aliases (*) are not taken: write the value out");
  }

  YamlNode& add(YamlNode::Kind kind, const YAML::Mark& mark, std::string_view tag,
                YAML::anchor_t anchor) {
    if (anchor != 0) refuse_anchor(mark);
    if (!tag.empty() && tag != kPlain && tag != kQuoted) {
      refuse(mark, "tags (!) are not taken: write the value without one");
    }
    if (nodes_left_-- == 0) refuse(mark, "the file holds too many values");
    // The open node is the last of its parent, and that one gets no other until it is closed: the
    // pointers stay good.
    YamlNode& node = open_.empty() ? root_ : open_.back()->items.emplace_back();
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    node.offset = static_cast<std::size_t>(mark.pos);
    return node;
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, std::string_view tag,
            YAML::anchor_t anchor, YAML::EmitterStyle::value style) {
    if (open_.size() == kMaxYamlDepth) refuse(mark, "lists and sections are nested too deep");
    YamlNode& node = add(kind, mark, tag, anchor);
    node.flow = style == YAML::EmitterStyle::Flow;
    open_.push_back(&node);
  }

  YamlNode root_;
  std::vector<YamlNode*> open_;
  std::size_t nodes_left_;
  int documents_ = 0;
};

// yaml-cpp's sentence without what it quotes of the text.
std::string without_quotation(const std::string& message) {
  return "is not YAML: " + message.substr(0, message.find(": "));
}

}  // namespace

std::variant<YamlNode, YamlError> read_yaml(std::string_view text, std::size_t max_nodes) {
  if (std::optional<YamlError> error = check_characters(text)) return *std::move(error);
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    TreeBuilder builder(max_nodes);
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.take();
  } catch (const Refusal& refusal) {
    return refusal.error;
  } catch (const YAML::Exception& error) {
    if (error.mark.is_null()) return YamlError{0, 0, without_quotation(error.msg)};
    return YamlError{error.mark.line + 1, error.mark.column + 1, without_quotation(error.msg)};
  }
}

}  // namespace openclaw::gate
