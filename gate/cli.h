// What the commands of `openclaw` share: exit codes, output for people or as one JSON object, and
// how a token comes in without being seen.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/secret.h"
#include "gate/config.h"
#include "gate/config_file.h"

namespace openclaw::gate {

// Part of the interface: --help and the man page name them.
enum ExitCode : int {
  kDone = 0,
  kRefused = 1,      // the token is not good, the key is not there
  kMisused = 2,      // wrong options, or a configuration that is refused
  kUnreachable = 3,  // a file or server cannot be reached
};

struct Console {
  std::ostream& out;
  std::ostream& err;
  bool json = false;  // one object on `out`, whatever happens
};

using Json = nlohmann::ordered_json;

// Compact and on one line; bytes that are no UTF-8 are replaced.
std::string to_line(const Json& json);

// Says why and gives the code back. JSON: {"error": ..., "problems": [...]}.
int fail(const Console& console, ExitCode code, const std::string& message);
int fail(const Console& console, const std::string& path, const FileProblem& problem);
int fail(const Console& console, const std::string& path,
         const std::vector<ConfigProblem>& problems);

// The configuration, or the exit code of a failure that has been told.
std::variant<Config, int> open_config(const Console& console, const std::string& path,
                                      ConfigUse use);

// At most kMaxTokenInput bytes from the descriptor, without white space around them. From a
// terminal: asked for, and not shown while it is typed. None when reading fails or there is more.
inline constexpr std::size_t kMaxTokenInput = 16 * 1024;
std::optional<Secret> read_token(int descriptor, std::ostream& prompt);

// Fit for a terminal, whatever it is: control and non-ASCII characters as '?', cut at 200.
std::string printable(std::string_view text);

// "in 4 minutes 50 seconds (2026-01-31T12:00:00Z)", "3 days ago (...)".
std::string describe_time(std::int64_t time, std::int64_t now);

}  // namespace openclaw::gate
