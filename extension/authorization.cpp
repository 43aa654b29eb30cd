#include "extension/authorization.h"

#include <algorithm>

#include "extension/call.h"

namespace openclaw::extension {
namespace {

constexpr std::size_t kMaxField = 64 * 1024;

bool is_ignoring_case(char given, char lower) {
  return (given >= 'A' && given <= 'Z' ? static_cast<char>(given - 'A' + 'a') : given) == lower;
}

}  // namespace

std::optional<std::string_view> credentials_of(std::optional<std::string_view> authorization,
                                               std::string_view scheme) {
  if (!authorization || authorization->size() <= scheme.size() ||
      (*authorization)[scheme.size()] != ' ' ||
      !std::equal(scheme.begin(), scheme.end(), authorization->begin(),
                  [](char lower, char given) { return is_ignoring_case(given, lower); })) {
    return std::nullopt;
  }
  const std::size_t begin = authorization->find_first_not_of(' ', scheme.size());
  if (begin == authorization->npos) return std::nullopt;
  return authorization->substr(begin);
}

// (http_authorization)
OPENCLAW_FUNCTION(openclaw_bearer_token) {
  Call call(fcinfo);
  const auto token = credentials_of(call.text(0, kMaxField), "bearer");
  return token ? Call::text(*token) : call.null();
}

}  // namespace openclaw::extension
