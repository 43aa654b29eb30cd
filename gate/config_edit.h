// Changes to config.yaml's text that leave the rest of it, comments and spacing too, as it was. The
// result is parsed again and must hold the old configuration with nothing but the change: where
// that cannot be had by moving whole lines, the edit is refused.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gate/config.h"

namespace openclaw::gate {

// Adds an entry behind the last of auth.tokens. Refused: a text that does not parse, a name or a
// hash that is taken, a list in brackets (but for an empty one).
std::variant<std::string, std::vector<ConfigProblem>> add_api_key(std::string_view yaml,
                                                                  const ApiKey& key);

// Removes the entry of that name. A problem at line 0, kNoSuchKey, when there is none.
inline constexpr std::string_view kNoSuchKey = "no key has this name";
std::variant<std::string, std::vector<ConfigProblem>> remove_api_key(std::string_view yaml,
                                                                     std::string_view name);

// The lines of an entry, from its dash on, `indent` spaces in: what people paste under auth.tokens.
std::vector<std::string> api_key_lines(const ApiKey& key, std::size_t indent);

}  // namespace openclaw::gate
