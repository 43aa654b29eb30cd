// The program `openclaw`: the gate, and the commands around it.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/random.h"
#include "gate/cli.h"
#include "gate/cli_config.h"
#include "gate/cli_pin.h"
#include "gate/cli_token.h"
#include "gate/cli_verify.h"
#include "gate/completion.h"
#include "gate/gate.h"
#include "gate/stdio.h"
#include "serving/process.h"

namespace {

using namespace openclaw;
using namespace openclaw::gate;

constexpr const char* kExitCodes =
    "Exit codes: 0 done, or good; 1 refused, or not found; 2 wrong options or configuration;\n"
    "3 a file or server cannot be reached. man openclaw has more.";

std::int64_t now() { return std::int64_t{std::time(nullptr)}; }

const std::map<std::string, LogLevel> kLogLevels{{"debug", LogLevel::debug},
                                                 {"info", LogLevel::info},
                                                 {"warning", LogLevel::warning},
                                                 {"error", LogLevel::error}};

// What `--` hides from option parsing: the command of `openclaw run`, word for word.
std::vector<std::string> split_command(std::vector<std::string>& arguments) {
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  if (separator == arguments.end() || arguments.front() != "run") return {};
  std::vector<std::string> command(separator + 1, arguments.end());
  arguments.erase(separator, arguments.end());
  return command;
}

// The commands, each with what it does. Options live as long as this.
class Commands {
 public:
  Commands() {
    app_.require_subcommand(1);
    app_.footer(kExitCodes);
    app_.set_version_flag("--version", "openclaw " OPENCLAW_VERSION);
    declare_gate();
    declare_config();
    declare_token();
    declare_verify();
    declare_pin();
    declare_run();
    declare_completion();
  }

  int run(std::vector<std::string> arguments) {
    if (!arguments.empty()) command_ = split_command(arguments);
    // Known before parsing, so that a failure of that is JSON too.
    json_ = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) return app_.exit(error, std::cout, std::cerr);
      return fail(console(), kMisused, error.what());
    }
    return action_();
  }

 private:
  Console console() const { return {std::cout, std::cerr, json_}; }

  CLI::App* declare(CLI::App& parent, const std::string& name, const std::string& description,
                    std::function<int()> action) {
    CLI::App* command = parent.add_subcommand(name, description);
    command->footer(kExitCodes);
    command->callback([this, action = std::move(action)] { action_ = action; });
    return command;
  }

  CLI::App* declare_group(const std::string& name, const std::string& description) {
    CLI::App* group = app_.add_subcommand(name, description);
    group->require_subcommand(1);
    group->footer(kExitCodes);
    return group;
  }

  void add_json(CLI::App* command) {
    command->add_flag("--json", json_, "Answer with one JSON object, failures too");
  }
  void add_config(CLI::App* command) {
    command->add_option("--config", config_, "The configuration")->default_str("config.yaml");
  }

  void declare_gate() {
    CLI::App* command =
        declare(app_, "gate", "Serve: let in only who may call the MCP server",
                [this] { return run_gate(config_or_default(), kLogLevels.at(log_level_)); });
    add_config(command);
    command->add_option("--log-level", log_level_, "debug, info, warning or error")
        ->check(CLI::IsMember(kLogLevels))
        ->capture_default_str();
  }

  void declare_config() {
    CLI::App* group = declare_group("config", "The configuration");
    CLI::App* check =
        declare(*group, "check", "Say what is wrong with it, without starting", [this] {
          return schema_ ? config_schema(console()) : config_check(console(), config_or_default());
        });
    add_config(check);
    check->add_flag("--schema", schema_, "Print the keys that there are, instead");
    add_json(check);
  }

  void declare_token() {
    CLI::App* group = declare_group("token", "API keys of mode token");
    CLI::App* create =
        declare(*group, "create", "Make a key; shown once, stored as a hash", [this] {
          create_.config = config_;
          SystemRandom random;
          return token_create(console(), create_, random, now());
        });
    create->add_option("--name", create_.name, "What people call it")->required();
    create->add_option("--scopes", create_.scopes,
                       "What it grants, space-separated (\"mcp:tools mcp:resources\"); without: "
                       "all that auth.scopes needs");
    create->add_option("--expires", create_.expires,
                       "When it ends: 90d, 12h, 2030-01-31; without: never");
    create->add_option("--config", config_, "Write it into this file; without: only print it");
    add_json(create);

    CLI::App* list = declare(*group, "list", "The keys that there are",
                             [this] { return token_list(console(), config_or_default(), now()); });
    add_config(list);
    add_json(list);

    CLI::App* revoke = declare(*group, "revoke", "Remove a key by its name", [this] {
      return token_revoke(console(), config_or_default(), name_);
    });
    revoke->add_option("NAME", name_, "Its name")->required();
    add_config(revoke);
    add_json(revoke);

    CLI::App* inspect = declare(*group, "inspect", "What a token is, and its hash", [this] {
      return with_token([this](std::string_view token) {
        return token_inspect(console(), token, config_, now());
      });
    });
    add_token(inspect);
    inspect->add_option("--config", config_, "Look it up in this file");
    add_json(inspect);
  }

  void declare_verify() {
    CLI::App* command = declare(app_, "verify", "Explain why a token is good or not", [this] {
      verify_.config = config_;
      return with_token(
          [this](std::string_view token) { return verify(console(), token, verify_, now()); });
    });
    add_token(command);
    command->add_option("--config", config_, "Judge it as the gate with this file would");
    command->add_option("--jwks", verify_.jwks, "The platform's keys: a file or an https URL");
    command->add_option("--issuer", verify_.issuer, "Who must have issued it");
    command->add_option("--audience", verify_.audience, "Whom it must be meant for");
    command->add_option("--user", verify_.user, "The user whom it must name");
    command->add_option("--scopes", verify_.scopes, "What it must grant, space-separated");
    command->add_flag("--user-claim", verify_.user_claim,
                      "It must be a user claim (mode mtls), not an access token");
    add_json(command);
  }

  void declare_pin() {
    CLI::App* command =
        declare(app_, "pin", "The fingerprint of a server's key, for register_container",
                [this] { return pin(console(), url_, now()); });
    command->add_option("URL", url_, "https://HOST[:PORT]")->required();
    add_json(command);
  }

  void declare_run() {
    CLI::App* command =
        declare(app_, "run", "Mode local on stdio: openclaw run -- COMMAND ...", [this] {
          if (command_.empty()) {
            return fail(console(), kMisused, "which command? openclaw run -- COMMAND ...");
          }
          return run_on_stdio(config_or_default(), command_);
        });
    add_config(command);
  }

  void declare_completion() {
    CLI::App* command = declare(app_, "completion", "Completions for a shell", [this] {
      std::cout << (shell_ == "zsh" ? zsh_completion(app_) : bash_completion(app_));
      return int{kDone};
    });
    command->add_option("SHELL", shell_, "bash or zsh")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh"}));
  }

  void add_token(CLI::App* command) {
    command->add_option("TOKEN", token_, "The token, or - to read it from standard input")
        ->required();
  }

  std::string config_or_default() const { return config_.empty() ? "config.yaml" : config_; }

  int with_token(const std::function<int(std::string_view)>& use) {
    if (token_ != "-") {
      std::cerr << "openclaw: a token in the arguments is seen by everybody on this machine (ps) "
                   "and kept by the shell: give - and put it on standard input\n";
      const Secret token(as_bytes(token_));
      wipe(token_.data(), token_.size());
      return use(token.text());
    }
    const std::optional<Secret> token = read_token(STDIN_FILENO, std::cerr);
    if (!token) return fail(console(), kUnreachable, "no token could be read from standard input");
    return use(token->text());
  }

  CLI::App app_{"OpenClaw: lets in only who may call an MCP server", "openclaw"};
  std::function<int()> action_;
  std::vector<std::string> command_;
  bool json_ = false;
  bool schema_ = false;
  std::string config_;
  std::string name_;
  std::string token_;
  std::string url_;
  std::string shell_;
  std::string log_level_ = "info";
  TokenCreate create_;
  Verify verify_;
};

}  // namespace

int main(int argc, char** argv) {
  // Without a buffer of its own, standard output keeps no copy of a key.
  if (std::setvbuf(stdout, nullptr, _IONBF, 0) != 0) return kUnreachable;
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  // Tokens pass through this process. `run` hands its limits on to the command, which may want a
  // core file.
  if (arguments.empty() || arguments.front() != "run") forbid_dumps();
  try {
    return Commands().run(std::move(arguments));
  } catch (const std::exception& error) {
    std::cerr << "openclaw: " << error.what() << '\n';
    return kUnreachable;
  }
}
