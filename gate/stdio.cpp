#include "gate/stdio.h"

#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <system_error>

#include "gate/cli.h"

namespace openclaw::gate {

int run_on_stdio(const std::string& config_path, const std::vector<std::string>& command) {
  // Standard output belongs to the command, so nothing is said there.
  const Console console{std::cerr, std::cerr};
  const auto opened = open_config(console, config_path, ConfigUse::without_upstream);
  if (const int* code = std::get_if<int>(&opened)) return *code;
  if (const Mode mode = std::get<Config>(opened).mode; mode != Mode::local) {
    return fail(console, kMisused,
                config_path + ": auth.mode is " + std::string(name(mode)) +
                    ": on stdio nobody presents a credential, so run needs mode local; for the "
                    "network there is openclaw gate");
  }
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));  // execvp changes nothing
  }
  arguments.push_back(nullptr);
  execvp(arguments.front(), arguments.data());
  const int error = errno;
  fail(console, kUnreachable,
       "cannot run " + printable(command.front()) + ": " + std::generic_category().message(error));
  constexpr int kNotFound = 127;
  constexpr int kCannotExecute = 126;
  return error == ENOENT ? kNotFound : kCannotExecute;
}

}  // namespace openclaw::gate
