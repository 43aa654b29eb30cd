// Completions for shells, made from the options as they are declared, so that none is forgotten.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace openclaw::gate {

// A script for `source` in bash.
std::string bash_completion(const CLI::App& app);
// A script for zsh's $fpath, or for `source` after compinit.
std::string zsh_completion(const CLI::App& app);

}  // namespace openclaw::gate
