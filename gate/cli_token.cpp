#include "gate/cli_token.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/encoding.h"
#include "core/jwt.h"
#include "core/opaque_token.h"
#include "core/scope.h"
#include "gate/config_edit.h"
#include "gate/time_text.h"

namespace openclaw::gate {
namespace {

constexpr std::int64_t kLastTime = 253402300799;  // 9999-12-31T23:59:59Z

// None for what is neither a duration nor a time, or is not in the future.
std::optional<std::int64_t> read_expiry(const std::string& text, std::int64_t now) {
  std::optional<std::int64_t> time = parse_timestamp(text);
  if (!time) {
    if (const auto duration = parse_duration(text)) time = now + duration->count();
  }
  if (!time || *time <= now || *time > kLastTime) return std::nullopt;
  return time;
}

// The entry to be made, still without its hash; or the exit code of what was wrong.
std::variant<ApiKey, int> read_wanted(const Console& console, const TokenCreate& wanted,
                                      std::int64_t now) {
  ApiKey key{wanted.name, {}, {}, std::nullopt};
  if (!is_api_key_name(wanted.name)) {
    return fail(console, kMisused, "--name must be 1 to 128 bytes without control characters");
  }
  Result<std::vector<std::string>> scopes = parse_scope_list(wanted.scopes);
  if (!scopes) {
    return fail(console, kMisused, "--scopes: " + std::string(message(scopes.error())));
  }
  key.scopes = *std::move(scopes);
  if (!wanted.expires.empty()) {
    key.expires_at = read_expiry(wanted.expires, now);
    if (!key.expires_at) {
      return fail(console, kMisused,
                  "--expires must be a duration such as 90d or 12h, or a time to come such as "
                  "2030-01-31 or 2030-01-31T12:00:00Z");
    }
  }
  return key;
}

Json describe(const ApiKey& key, std::int64_t now) {
  return {{"name", key.name},
          {"hash", format_token_hash(key.hash)},
          {"scopes", key.scopes},
          {"expires_at", key.expires_at ? Json(format_timestamp(*key.expires_at)) : Json(nullptr)},
          {"expired", key.expires_at && *key.expires_at <= now}};
}

// The key goes out in one piece and is copied nowhere.
void print_created_json(const Console& console, std::string_view text, const Json& rest) {
  console.out << R"({"key":")" << text << "\"," << to_line(rest).substr(1);
}

void print_created(const Console& console, std::string_view text, const ApiKey& key,
                   const std::string& config) {
  console.out
      << "The key, shown this once. Give it to the client; keep it out of files and chats:\n\n  "
      << text << "\n\n";
  if (!config.empty()) {
    console.out << "Its hash is in " << config << ", under auth.tokens, as \"" << key.name
                << "\".\n";
    return;
  }
  console.out << "For config.yaml, under auth.tokens:\n\n";
  for (const std::string& line : api_key_lines(key, 4)) console.out << line << '\n';
}

// Writes the entry; the exit code when that fails. `mode` gets what the file says.
std::optional<int> write_entry(const Console& console, const std::string& path, const ApiKey& key,
                               Mode& mode) {
  const auto edited = edit_config_file(path, [&](std::string_view yaml) -> EditedText {
    EditedText added = add_api_key(yaml, key);
    if (const auto* text = std::get_if<std::string>(&added)) {
      mode = std::get<Config>(parse_config(*text, ConfigUse::without_upstream)).mode;
    }
    return added;
  });
  if (const auto* problem = std::get_if<FileProblem>(&edited)) return fail(console, path, *problem);
  if (const auto* problems = std::get_if<2>(&edited)) return fail(console, path, *problems);
  return std::nullopt;
}

std::string scopes_text(const ApiKey& key) {
  if (key.scopes.empty()) return "none";
  const std::vector<std::string_view> views(key.scopes.begin(), key.scopes.end());
  return format_scope_list(views);
}

std::string expiry_text(const ApiKey& key, std::int64_t now) {
  if (!key.expires_at) return "never";
  return (*key.expires_at <= now ? "EXPIRED " : "") + describe_time(*key.expires_at, now);
}

// --- inspect ------------------------------------------------------------------------------------

std::string_view kind_of(TokenPurpose purpose) {
  switch (purpose) {
    case TokenPurpose::user_direct:
      return "a user's key (ocu_)";
    case TokenPurpose::platform_harness:
      return "a token of the platform's harness (och_)";
    case TokenPurpose::refresh:
      return "a refresh token (ocr_)";
    case TokenPurpose::client_secret:
      return "an OAuth client's secret (ocs_)";
  }
  return {};
}

// Whether all is there but for the checksum: a slip of the keyboard, not another thing.
bool has_outer_form(std::string_view token) {
  constexpr std::array<std::string_view, 4> kPrefixes{"ocu_", "och_", "ocr_", "ocs_"};
  return token.size() == kTokenLength && is_base62(token.substr(4)) &&
         std::find(kPrefixes.begin(), kPrefixes.end(), token.substr(0, 4)) != kPrefixes.end();
}

int refuse_form(const Console& console, std::string_view token) {
  if (looks_like_jwt(token)) {
    return fail(console, kRefused, "this is a JWT: openclaw verify explains those");
  }
  if (has_outer_form(token)) {
    return fail(console, kRefused,
                "the checksum is wrong: a character was changed, copy the token again");
  }
  return fail(
      console, kRefused,
      "this is no token of ours: ocu_, och_, ocr_ or ocs_ and 49 letters and digits, copied whole");
}

}  // namespace

int token_create(const Console& console, const TokenCreate& wanted, RandomSource& random,
                 std::int64_t now) {
  std::variant<ApiKey, int> read = read_wanted(console, wanted, now);
  if (const int* code = std::get_if<int>(&read)) return *code;
  ApiKey& key = std::get<ApiKey>(read);
  const MintedToken minted = mint_token(TokenPurpose::user_direct, random);
  key.hash = minted.hash;

  Mode mode = Mode::token;
  if (!wanted.config.empty()) {
    if (const auto code = write_entry(console, wanted.config, key, mode)) return *code;
  }
  if (console.json) {
    Json rest = describe(key, now);
    rest["written_to"] = wanted.config.empty() ? Json(nullptr) : Json(wanted.config);
    print_created_json(console, minted.text.text(), rest);
  } else {
    print_created(console, minted.text.text(), key, wanted.config);
  }
  if (mode != Mode::token) {
    console.err << "openclaw: auth.mode is " << name(mode)
                << ": the key decides nothing until it is token\n";
  }
  if (console.out.flush()) return kDone;
  console.err << "openclaw: the key could not be shown and is lost: revoke it and make another\n";
  return kUnreachable;
}

int token_list(const Console& console, const std::string& path, std::int64_t now) {
  const std::variant<Config, int> opened = open_config(console, path, ConfigUse::without_upstream);
  if (const int* code = std::get_if<int>(&opened)) return *code;
  const std::vector<ApiKey>& keys = std::get<Config>(opened).api_keys;
  if (console.json) {
    Json list = Json::array();
    for (const ApiKey& key : keys) list.push_back(describe(key, now));
    console.out << to_line({{"file", path}, {"keys", std::move(list)}});
    return kDone;
  }
  std::string text;
  constexpr std::size_t kHashShown = 15;  // "sha256:" and 8 digits
  for (const ApiKey& key : keys) {
    text += key.name + '\t' + format_token_hash(key.hash).substr(0, kHashShown) + "..\t" +
            scopes_text(key) + '\t' + expiry_text(key, now) + '\n';
  }
  if (keys.empty()) {
    console.err << "No keys in " << path << ". Make one with openclaw token create.\n";
  } else {
    console.out << "NAME\tHASH\tSCOPES\tEXPIRES\n" << text;
  }
  return kDone;
}

int token_revoke(const Console& console, const std::string& path, const std::string& name) {
  const auto edited = edit_config_file(
      path, [&](std::string_view yaml) -> EditedText { return remove_api_key(yaml, name); });
  if (const auto* problem = std::get_if<FileProblem>(&edited)) return fail(console, path, *problem);
  if (const auto* problems = std::get_if<2>(&edited)) {
    if (problems->front().message == kNoSuchKey) {
      return fail(console, kRefused,
                  path + ": " + std::string(kNoSuchKey) +
                      ": openclaw token list shows those that are there");
    }
    return fail(console, path, *problems);
  }
  if (console.json) {
    console.out << to_line({{"revoked", name}, {"file", path}});
  } else {
    console.out << "Revoked: \"" << name << "\" is no longer in " << path
                << ". A running gate reads the change by itself.\n";
  }
  return kDone;
}

int token_inspect(const Console& console, std::string_view token, const std::string& path,
                  std::int64_t now) {
  const Result<TokenPurpose> purpose = parse_token(token);
  if (!purpose) return refuse_form(console, token);
  Json seen{{"kind", kind_of(*purpose)}, {"checksum", "ok"}};
  const Digest hash = token_hash(token);
  seen["hash"] = format_token_hash(hash);
  bool good = true;
  if (!path.empty()) {
    const std::variant<Config, int> opened =
        open_config(console, path, ConfigUse::without_upstream);
    if (const int* code = std::get_if<int>(&opened)) return *code;
    const std::vector<ApiKey>& keys = std::get<Config>(opened).api_keys;
    const auto found =
        std::find_if(keys.begin(), keys.end(), [&](const ApiKey& key) { return key.hash == hash; });
    good = found != keys.end() && !(found->expires_at && *found->expires_at <= now);
    seen["file"] = path;
    seen["key"] = found == keys.end() ? Json(nullptr) : describe(*found, now);
  }
  if (console.json) {
    console.out << to_line(seen);
    return good ? kDone : kRefused;
  }
  console.out << "kind:     " << kind_of(*purpose)
              << "\nchecksum: ok\nhash:     " << format_token_hash(hash) << '\n';
  if (!path.empty()) {
    const Json& key = seen["key"];
    console.out << "config:   "
                << (key.is_null()            ? "not in " + path
                    : key["expired"] == true ? "in " + path + ", but expired"
                                             : "in " + path)
                << '\n';
    if (!key.is_null()) {
      console.out << "name:     " << key["name"].get<std::string>() << '\n';
    }
  }
  return good ? kDone : kRefused;
}

}  // namespace openclaw::gate
