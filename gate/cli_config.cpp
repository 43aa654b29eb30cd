#include "gate/cli_config.h"

namespace openclaw::gate {
namespace {

// What is allowed, but better known.
std::vector<std::string> notes_on(const Config& config) {
  std::vector<std::string> notes;
  if (config.upstream.host.empty()) {
    notes.emplace_back("no upstream: fit for openclaw run, not for openclaw gate");
  }
  if (config.mode == Mode::token && config.api_keys.empty()) {
    notes.emplace_back("no key in auth.tokens: nobody can call; see openclaw token create");
  }
  const bool loopback = config.listen.host.starts_with("127.") || config.listen.host == "::1";
  if (config.mode != Mode::local && !loopback && !config.tls) {
    notes.emplace_back(
        "no tls: tokens cross the network in clear, unless a proxy before the gate "
        "does TLS");
  }
  return notes;
}

}  // namespace

int config_check(const Console& console, const std::string& path) {
  std::variant<Config, int> opened = open_config(console, path, ConfigUse::without_upstream);
  if (const int* code = std::get_if<int>(&opened)) return *code;
  if (std::get<Config>(opened).mode != Mode::local) {
    opened = open_config(console, path, ConfigUse::gate);
    if (const int* code = std::get_if<int>(&opened)) return *code;
  }
  const Config& config = std::get<Config>(opened);
  const std::vector<std::string> notes = notes_on(config);
  if (console.json) {
    console.out << to_line({{"file", path},
                            {"mode", name(config.mode)},
                            {"keys", config.api_keys.size()},
                            {"notes", notes}});
    return kDone;
  }
  console.out << path << ": good, mode " << name(config.mode) << '\n';
  for (const std::string& note : notes) console.out << "note: " << note << '\n';
  return kDone;
}

int config_schema(const Console& console) {
  const std::vector<ConfigKey> keys = gate::config_schema();
  if (console.json) {
    Json list = Json::array();
    for (const ConfigKey& key : keys) {
      list.push_back({{"key", key.path},
                      {"type", key.type},
                      {"default", key.fallback.empty() ? Json(nullptr) : Json(key.fallback)},
                      {"meaning", key.meaning}});
    }
    console.out << to_line({{"keys", std::move(list)}});
    return kDone;
  }
  std::string text = "| key | type | without it | meaning |\n|---|---|---|---|\n";
  for (const ConfigKey& key : keys) {
    text += "| `" + key.path + "` | " + std::string(key.type) + " | " + std::string(key.fallback) +
            " | " + std::string(key.meaning) + " |\n";
  }
  console.out << text;
  return kDone;
}

}  // namespace openclaw::gate
