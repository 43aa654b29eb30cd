// config.yaml on disk: read with care, changed in place.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gate/config.h"

namespace openclaw::gate {

struct FileProblem {
  bool cannot_reach;  // missing, unreadable, disk full: not what the file says or who may read it
  std::string message;
};

// The text of a regular file of at most kMaxConfigFile bytes that others cannot read or write and
// the group cannot write.
std::variant<std::string, FileProblem> read_config_file(const std::string& path);

// The new text, or why there is none.
using EditedText = std::variant<std::string, std::vector<ConfigProblem>>;

// Reads the file, hands its text to `edit` and puts what comes back in its place: whole or not at
// all (a rename), with the same mode and owner, on disk when this returns. Two edits at once wait
// for each other. A symbolic link stays one.
std::variant<std::monostate, FileProblem, std::vector<ConfigProblem>> edit_config_file(
    const std::string& path, const std::function<EditedText(std::string_view)>& edit);

}  // namespace openclaw::gate
