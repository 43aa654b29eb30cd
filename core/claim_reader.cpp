#include "core/claim_reader.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/numeric_date.h"

namespace openclaw {

using nlohmann::json;

std::string ClaimReader::text(std::string_view claim) {
  const json* found = find(claim);
  if (found == nullptr) return {};
  if (found->is_string()) return found->get_ref<const std::string&>();
  refuse();
  return {};
}

std::string ClaimReader::required_text(std::string_view claim) {
  std::string value = text(claim);
  if (value.empty()) refuse();
  return value;
}

std::optional<std::uint64_t> ClaimReader::number(std::string_view claim, std::uint64_t largest) {
  const json* found = find(claim);
  if (found == nullptr) return std::nullopt;
  if (found->is_number_unsigned()) {
    const auto value = found->get<std::uint64_t>();
    if (value <= largest) return value;
  }
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
  const json* found = find(claim);
  if (found == nullptr) return {};
  const bool is_list =
      found->is_array() && found->size() <= longest &&
      std::all_of(found->begin(), found->end(), [](const json& item) { return item.is_string(); });
  if (is_list) return found->get<std::vector<std::string>>();
  refuse();
  return {};
}

std::vector<std::string> ClaimReader::text_or_list(std::string_view claim, std::size_t longest) {
  const json* found = find(claim);
  if (found == nullptr) return {};
  if (found->is_string()) return {found->get<std::string>()};
  std::vector<std::string> values = list(claim, longest);
  if (values.empty()) refuse();
  return values;
}

std::optional<ClaimReader> ClaimReader::object(std::string_view claim) {
  const json* found = find(claim);
  if (found == nullptr) return std::nullopt;
  if (found->is_object()) return ClaimReader(*found, malformed_);
  refuse();
  return std::nullopt;
}

std::size_t ClaimReader::size() const { return object_.size(); }

const json* ClaimReader::find(std::string_view claim) const {
  const auto found = object_.find(claim);
  return found == object_.end() ? nullptr : &*found;
}

bool claim_is(const json& object, std::string_view claim, std::string_view value) {
  const auto found = object.find(claim);
  return found != object.end() && found->is_string() &&
         found->get_ref<const std::string&>() == value;
}

}  // namespace openclaw
