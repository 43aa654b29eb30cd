#include "core/claim_reader.h"

#include "core/numeric_date.h"

namespace openclaw {

std::string ClaimReader::text(std::string_view claim) {
  const std::optional<JsonValue> found = object_.find(claim);
  if (!found) return {};
  if (const auto text = found->text()) return std::string(*text);
  refuse();
  return {};
}

std::string ClaimReader::required_text(std::string_view claim) {
  std::string value = text(claim);
  if (value.empty()) refuse();
  return value;
}

std::optional<std::uint64_t> ClaimReader::number(std::string_view claim, std::uint64_t largest) {
  const std::optional<JsonValue> found = object_.find(claim);
  if (!found) return std::nullopt;
  if (const auto value = found->number(); value && *value <= largest) return value;
  refuse();
  return std::nullopt;
}

std::optional<std::int64_t> ClaimReader::date(std::string_view claim) {
  const std::optional<std::uint64_t> seconds = number(claim, kMaxNumericDate);
  if (!seconds) return std::nullopt;
  return static_cast<std::int64_t>(*seconds);
}

std::int64_t ClaimReader::required_date(std::string_view claim) {
  const std::optional<std::int64_t> seconds = date(claim);
  if (!seconds) refuse();
  return seconds.value_or(0);
}

std::vector<std::string> ClaimReader::list(std::string_view claim, std::size_t longest) {
  const std::optional<JsonValue> found = object_.find(claim);
  if (!found) return {};
  std::vector<std::string> texts;
  if (const auto items = found->list(); items && items->size() <= longest) {
    for (const JsonValue& item : *items) {
      if (const auto text = item.text()) texts.emplace_back(*text);
    }
    if (texts.size() == items->size()) return texts;
  }
  refuse();
  return {};
}

std::vector<std::string> ClaimReader::text_or_list(std::string_view claim, std::size_t longest) {
  const std::optional<JsonValue> found = object_.find(claim);
  if (!found) return {};
  if (const auto text = found->text()) return {std::string(*text)};
  std::vector<std::string> values = list(claim, longest);
  if (values.empty()) refuse();
  return values;
}

std::optional<ClaimReader> ClaimReader::object(std::string_view claim) {
  const std::optional<JsonValue> found = object_.find(claim);
  if (!found) return std::nullopt;
  if (const auto object = found->object()) return ClaimReader(*object, malformed_);
  refuse();
  return std::nullopt;
}

bool claim_is(const JsonObject& object, std::string_view claim, std::string_view value) {
  const std::optional<JsonValue> found = object.find(claim);
  return found && found->text() == value;
}

}  // namespace openclaw
