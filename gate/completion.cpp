#include "gate/completion.h"

#include <string_view>
#include <vector>

namespace openclaw::gate {
namespace {

// A command ("token create") and the words that may follow it.
struct Command {
  std::string path;
  std::string words;
};

std::string words_of(const CLI::App& app) {
  std::string words;
  const auto add = [&](const std::string& word) { words += (words.empty() ? "" : " ") + word; };
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    add(command->get_name());
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) add("--" + name);
  }
  return words;
}

void collect(const CLI::App& app, const std::string& path, std::vector<Command>& commands) {
  commands.push_back({path, words_of(app)});
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    collect(*command, path + ' ' + command->get_name(), commands);
  }
}

// `case $path in` arms that call `action` with the words.
std::string arms(const CLI::App& app, std::string_view before, std::string_view after) {
  std::vector<Command> commands;
  collect(app, "", commands);
  std::string text;
  for (const Command& command : commands) {
    text += "    '" + command.path + "') " + std::string(before) + command.words +
            std::string(after) + " ;;\n";
  }
  return text;
}

// The paths of the commands that have an own arm, for a `case` pattern.
std::string known_paths(const CLI::App& app) {
  std::vector<Command> commands;
  collect(app, "", commands);
  std::string text;
  for (const Command& command : commands) {
    if (!command.path.empty()) text += (text.empty() ? "'" : " | '") + command.path + '\'';
  }
  return text;
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  return R"(# bash completion for openclaw: source it, or put it into
# /usr/share/bash-completion/completions/openclaw
_openclaw() {
  local current=${COMP_WORDS[COMP_CWORD]} path='' words='' word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word != -- ]] || return 0
    case "$path $word" in
    )" + known_paths(app) +
         R"() path+=" $word" ;;
    esac
  done
  case ${COMP_WORDS[COMP_CWORD-1]} in
    --config | --jwks) mapfile -t COMPREPLY < <(compgen -f -- "$current") && return ;;
  esac
  case $path in
)" + arms(app, "words='", "'") +
         R"(  esac
  [[ $path != ' completion' ]] || words='bash zsh'
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _openclaw openclaw
)";
}

std::string zsh_completion(const CLI::App& app) {
  return R"(#compdef openclaw
# zsh completion for openclaw: put it as _openclaw into a folder of $fpath, or source it.
_openclaw() {
  local commands='' word
  for word in "${words[@]:1:CURRENT-2}"; do
    [[ $word != -- ]] || { _normal && return }
    case "$commands $word" in
    )" + known_paths(app) +
         R"() commands+=" $word" ;;
    esac
  done
  case ${words[CURRENT-1]} in
    --config | --jwks) _files && return ;;
  esac
  case $commands in
    ' completion') compadd bash zsh ;;
)" + arms(app, "compadd -- ", "") +
         R"(  esac
}
if [[ $funcstack[1] == _openclaw ]]; then _openclaw "$@"; else compdef _openclaw openclaw; fi
)";
}

}  // namespace openclaw::gate
