#include "gate/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <unordered_map>
#include <utility>

#include "core/endpoint.h"
#include "core/opaque_token.h"
#include "core/scope.h"
#include "gate/http_url.h"
#include "gate/remembered_tokens.h"
#include "gate/time_text.h"
#include "gate/yaml_tree.h"

namespace openclaw::gate {
namespace {

using Kind = YamlNode::Kind;

// --- a key, and what is read --------------------------------------------------------------------

struct Reader;
struct Value;

enum class Form : std::uint8_t { section, entries, text, texts, number, number_or_text };

// One key of the file. Everything that is known of it stands in kSchema: parsing, type errors,
// unknown keys and the documentation all come from there.
struct Key {
  std::string_view section;  // "", "auth", "auth.tokens[]", ...
  std::string_view name;
  Form form;
  std::string_view type;      // reads on from "must be "
  std::string_view fallback;  // what holds without the key
  std::string_view meaning;
  void (*read)(Reader&, const Value&);  // null where only the parts are read
};

std::string path_of(const Key& key) {
  return key.section.empty() ? std::string(key.name)
                             : std::string(key.section) + '.' + std::string(key.name);
}

// A key's value, of the kind that the key's form demands.
struct Value {
  const Key& key;
  const YamlNode& node;
};

// What has been read so far.
struct Reader {
  Config config;
  ApiKey api_key;  // the entry of auth.tokens that is being read
  bool mode_is_known = false;
  std::vector<ConfigProblem> problems;

  bool full() const { return problems.size() >= kMaxConfigProblems; }
  void problem(int line, int column, std::string message) {
    if (!full()) problems.push_back({line, column, std::move(message)});
  }
  void problem(const YamlNode& node, std::string message) {
    problem(node.line, node.column, std::move(message));
  }
  void wrong(const Value& value, const YamlNode& where) {
    problem(where, path_of(value.key) + " must be " + std::string(value.key.type));
  }
  void wrong(const Value& value) { wrong(value, value.node); }
};

// --- texts --------------------------------------------------------------------------------------

// A name may be repeated in a message when it cannot be a secret: no key or token is that short.
bool is_repeatable(std::string_view name) {
  constexpr std::size_t kMost = 40;
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '<';
  };
  return !name.empty() && name.size() <= kMost && std::all_of(name.begin(), name.end(), is_plain);
}

// Insertions, deletions and replacements that make `a` of `b` (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

// The candidate that is a slip or two away from `name`, or "".
std::string_view nearest(std::string_view name, std::span<const std::string_view> candidates) {
  std::string_view best;
  // Two letters that changed places count as two.
  std::size_t least = name.size() < 4 ? 2 : std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    if (const std::size_t d = distance(name, candidate); d < least) {
      least = d;
      best = candidate;
    }
  }
  return best;
}

// What YAML takes for something else than a text when it stands without quotes.
bool looks_like_boolean(std::string_view text) {
  constexpr std::array<std::string_view, 6> kWords{"true", "false", "yes", "no", "on", "off"};
  std::string lower(text.substr(0, 6));
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end() &&
         lower.size() == text.size();
}

bool looks_like_number(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || text.find_first_not_of("0123456789.", 0) == 0) return false;
  double number = 0;
  std::uint64_t hex = 0;
  const char* const end = text.data() + text.size();
  if (text.starts_with("0x") && std::from_chars(text.data() + 2, end, hex, 16).ptr == end) {
    return true;
  }
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec != std::errc::invalid_argument && parsed.ptr == end;
}

bool is_text(const YamlNode& node) {
  return node.kind == Kind::scalar &&
         (node.quoted || (!looks_like_boolean(node.text) && !looks_like_number(node.text)));
}

bool has_control_characters(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return true;
    // U+0080..U+009F.
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      return true;
    }
  }
  return false;
}

// --- the values of mode and keys ----------------------------------------------------------------

struct ModeName {
  std::string_view text;
  Mode mode;
};
constexpr std::array<ModeName, 4> kModes{{{"local", Mode::local},
                                          {"token", Mode::token},
                                          {"platform", Mode::platform},
                                          {"mtls", Mode::mtls}}};

void read_mode(Reader& reader, const Value& value) {
  std::vector<std::string_view> known;
  for (const ModeName& each : kModes) {
    if (each.text == value.node.text) {
      reader.config.mode = each.mode;
      reader.mode_is_known = true;
      return;
    }
    known.push_back(each.text);
  }
  std::string message = path_of(value.key) + " must be " + std::string(value.key.type);
  const bool repeatable = is_repeatable(value.node.text);
  const std::string_view meant = repeatable ? nearest(value.node.text, known) : std::string_view{};
  if (!meant.empty()) message += "; did you mean `" + std::string(meant) + "`?";
  reader.problem(value.node, message);
}

// Reads a list of scopes, each of which `check` must take.
std::vector<std::string> read_scopes(Reader& reader, const Value& value,
                                     Result<void> (*check)(std::string_view)) {
  std::vector<std::string> scopes;
  for (const YamlNode& item : value.node.items) {
    if (const Result<void> checked = check(item.text); !checked) {
      reader.problem(item, path_of(value.key) + ": " + std::string(message(checked.error())));
      continue;
    }
    if (std::find(scopes.begin(), scopes.end(), item.text) == scopes.end()) {
      scopes.push_back(item.text);
    }
  }
  if (scopes.size() > kMaxScopes) reader.wrong(value);
  return scopes;
}

void read_required_scopes(Reader& reader, const Value& value) {
  reader.config.required_scopes = read_scopes(reader, value, check_scope);
}

void read_key_name(Reader& reader, const Value& value) {
  if (!is_api_key_name(value.node.text)) return reader.wrong(value);
  reader.api_key.name = value.node.text;
}

void read_key_hash(Reader& reader, const Value& value) {
  if (parse_token(value.node.text)) {
    reader.problem(value.node,
                   "this is a key itself, and a file is no place for it: put its hash here "
                   "(`openclaw token inspect -` prints it), or better make a new key");
    return;
  }
  const Result<Digest> hash = parse_token_hash(value.node.text);
  if (!hash) return reader.wrong(value);
  reader.api_key.hash = *hash;
}

void read_key_scopes(Reader& reader, const Value& value) {
  // Without any, a key grants what is needed: an empty list must not come to mean that.
  if (value.node.items.empty()) return reader.wrong(value);
  reader.api_key.scopes = read_scopes(reader, value, check_grant);
}

void read_key_expiry(Reader& reader, const Value& value) {
  reader.api_key.expires_at = parse_timestamp(value.node.text);
  if (!reader.api_key.expires_at) reader.wrong(value);
}

// --- the values of modes platform and mtls ------------------------------------------------------

void read_trusted_url(Reader& reader, const Value& value, std::string& url) {
  if (!parse_trusted_url(value.node.text)) return reader.wrong(value);
  url = value.node.text;
}

void read_jwks_url(Reader& reader, const Value& value) {
  read_trusted_url(reader, value, reader.config.jwks_url);
}

void read_issuer(Reader& reader, const Value& value) {
  read_trusted_url(reader, value, reader.config.issuer);
}

void read_expected_user(Reader& reader, const Value& value) {
  constexpr std::size_t kMost = 128;
  constexpr std::string_view kCharacters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:@-";
  const std::string& text = value.node.text;
  if (text.empty() || text.size() > kMost || text.find_first_not_of(kCharacters) != text.npos) {
    return reader.wrong(value);
  }
  reader.config.expected_user_id = text;
}

void read_path(Reader& reader, const Value& value, std::string& path) {
  constexpr std::size_t kMost = 4096;
  if (value.node.text.empty() || value.node.text.size() > kMost ||
      has_control_characters(value.node.text)) {
    return reader.wrong(value);
  }
  path = value.node.text;
}

void read_jwks_ca(Reader& reader, const Value& value) {
  read_path(reader, value, reader.config.jwks_ca);
}

void read_duration(Reader& reader, const Value& value, std::chrono::seconds least,
                   std::chrono::seconds most, std::chrono::seconds& duration) {
  const auto read = parse_duration(value.node.text);
  if (!read || *read < least || *read > most) return reader.wrong(value);
  duration = *read;
}

void read_outage_limit(Reader& reader, const Value& value) {
  using namespace std::chrono_literals;
  read_duration(reader, value, 1s, 24h * 30, reader.config.jwks_outage_limit);
}

void read_status_period(Reader& reader, const Value& value) {
  using namespace std::chrono_literals;
  read_duration(reader, value, 2s, 1h, reader.config.status_period);
}

void read_status_outage(Reader& reader, const Value& value) {
  const bool refuses = value.node.text == "refuse";
  if (!refuses && value.node.text != "accept") return reader.wrong(value);
  reader.config.status_outage = refuses ? StatusOutage::refuse : StatusOutage::accept;
}

void read_leeway(Reader& reader, const Value& value) {
  using namespace std::chrono_literals;
  read_duration(reader, value, 0s, 60s, reader.config.leeway);
}

void read_client_ca(Reader& reader, const Value& value) {
  read_path(reader, value, reader.config.client_certificates.ca);
}

void read_trust_domain(Reader& reader, const Value& value) {
  constexpr std::size_t kMost = 255;  // SPIFFE-ID 2.1
  const std::string& text = value.node.text;
  if (text.empty() || text.size() > kMost ||
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") != text.npos) {
    return reader.wrong(value);
  }
  reader.config.client_certificates.trust_domain = text;
}

void read_namespace(Reader& reader, const Value& value) {
  const std::string& text = value.node.text;
  if (!is_host_name(text) || text.find_first_of("._") != text.npos) return reader.wrong(value);
  reader.config.client_certificates.platform_namespace = text;
}

void read_dns_names(Reader& reader, const Value& value) {
  for (const YamlNode& item : value.node.items) {
    if (!is_host_name(item.text) || is_ip_address(item.text)) {
      reader.wrong(value, item);
      continue;
    }
    reader.config.client_certificates.allowed_dns_names.push_back(item.text);
  }
}

// --- the values outside auth --------------------------------------------------------------------

std::optional<Address> read_address(Reader& reader, const Value& value) {
  std::optional<IpAndPort> address = parse_ip_and_port(value.node.text);
  if (address) return Address{std::move(address->host), address->port};
  reader.wrong(value);
  return std::nullopt;
}

void read_listen(Reader& reader, const Value& value) {
  if (std::optional<Address> address = read_address(reader, value)) {
    reader.config.listen = *std::move(address);
  }
}

void read_metrics(Reader& reader, const Value& value) {
  std::optional<Address> address = read_address(reader, value);
  if (!address) return;
  if (!is_loopback_address(address->host)) return reader.wrong(value);
  reader.config.metrics = std::move(address);
}

void read_upstream(Reader& reader, const Value& value) {
  if (value.node.text == "none") return;
  std::optional<HttpUrl> url = parse_http_url(value.node.text);
  if (!url || url->tls) return reader.wrong(value);
  reader.config.upstream = {std::move(url->host), url->port, std::move(url->path)};
}

void read_public_url(Reader& reader, const Value& value) {
  const bool external = value.node.text.find("://") != std::string::npos;
  Result<std::string> url =
      canonical_endpoint(value.node.text, external ? EndpointType::external : EndpointType::hosted);
  if (!url) {
    reader.problem(value.node, path_of(value.key) + " must be " + std::string(value.key.type) +
                                   ": " + std::string(message(url.error())));
    return;
  }
  reader.config.public_url = *std::move(url);
}

void read_tls(Reader& reader, const Value&) { reader.config.tls.emplace(); }

void read_certificate(Reader& reader, const Value& value) {
  read_path(reader, value, reader.config.tls->certificate);
}

void read_private_key(Reader& reader, const Value& value) {
  read_path(reader, value, reader.config.tls->key);
}

void read_origins(Reader& reader, const Value& value) {
  for (const YamlNode& item : value.node.items) {
    const std::optional<HttpUrl> url = parse_http_url(item.text);
    if (!url || !url->path.empty()) {
      reader.wrong(value, item);
      continue;
    }
    reader.config.allowed_origins.push_back(origin(*url));
  }
}

// None for anything but decimal digits.
std::optional<std::uint64_t> parse_whole_number(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return number;
}

void read_connections(Reader& reader, const Value& value) {
  constexpr std::uint64_t kMost = 1'000'000;
  const std::optional<std::uint64_t> number = parse_whole_number(value.node.text);
  if (!number || *number == 0 || *number > kMost) return reader.wrong(value);
  reader.config.max_connections = static_cast<std::uint32_t>(*number);
}

void read_body(Reader& reader, const Value& value) {
  struct Unit {
    std::string_view name;
    std::uint64_t bytes;
  };
  constexpr std::array<Unit, 4> kUnits{
      {{"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}, {"", 1}}};
  constexpr std::uint64_t kMost = 1ULL << 30;
  std::string_view text = value.node.text;
  const Unit& unit = *std::find_if(kUnits.begin(), kUnits.end(),
                                   [&](const Unit& each) { return text.ends_with(each.name); });
  text.remove_suffix(unit.name.size());
  const std::optional<std::uint64_t> number = parse_whole_number(text);
  if (!number || *number > kMost / unit.bytes || *number * unit.bytes < 1024) {
    return reader.wrong(value);
  }
  reader.config.max_body = *number * unit.bytes;
}

// --- the schema ---------------------------------------------------------------------------------

constexpr std::array kSchema{
    Key{"", "auth", Form::section, "a section", "", "Who may call.", nullptr},
    Key{"auth", "mode", Form::text, "local, token, platform or mtls", "",
        "What proves a caller: nothing (`local`: stdio or loopback), an API key (`token`), the "
        "platform's access token (`platform`), or a client certificate and the platform's user "
        "claim (`mtls`). Settings of the other modes may stand in the file and decide nothing.",
        read_mode},
    Key{"auth", "scopes", Form::texts, "a list of scopes", "none", "What every request needs.",
        read_required_scopes},
    Key{"auth", "tokens", Form::entries, "a list of keys", "none",
        "The API keys of mode `token`, made by `openclaw token create`.", nullptr},
    Key{"auth.tokens[]", "name", Form::text, "a name of 1 to 128 bytes", "",
        "What people call the key; one of its own for each.", read_key_name},
    Key{"auth.tokens[]", "hash", Form::text, "`sha256:` and 64 hex digits", "",
        "The SHA-256 of the key; the key itself never stands in the file.", read_key_hash},
    Key{"auth.tokens[]", "scopes", Form::texts, "a list of scopes, not empty",
        "all that `auth.scopes` needs", "What the key grants; `area:*` grants a whole area.",
        read_key_scopes},
    Key{"auth.tokens[]", "expires_at", Form::text, "YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ", "never",
        "When the key ends; a date alone is its start in UTC.", read_key_expiry},
    Key{"auth", "platform_jwks_url", Form::text, "an https URL (http for loopback alone)", "",
        "Where the platform publishes its keys. Needed in modes `platform` and `mtls`.",
        read_jwks_url},
    Key{"auth", "expected_user_id", Form::text, "a user id", "",
        "The user whom tokens must name. Needed in mode `platform`; in mode `mtls` any user that "
        "the platform vouches for, unless it is given.",
        read_expected_user},
    Key{"auth", "issuer", Form::text, "an https URL (http for loopback alone)",
        "the origin of `auth.platform_jwks_url`", "Who must have signed, compared byte for byte.",
        read_issuer},
    Key{"auth", "jwks_ca", Form::text, "the path of a PEM file", "the system's",
        "The authorities trusted for the server of `auth.platform_jwks_url` and of status lists.",
        read_jwks_ca},
    Key{"auth", "jwks_outage_limit", Form::text, "a duration from 1s to 30d", "1h",
        "How long the last good keys serve while the platform cannot be reached.",
        read_outage_limit},
    Key{"auth", "status_period", Form::text, "a duration from 2s to 1h", "10s",
        "Within which a token that the platform has revoked is refused: status lists are read "
        "twice as often.",
        read_status_period},
    Key{"auth", "status_outage", Form::text, "accept or refuse", "accept",
        "What becomes of tokens whose status list could not be read within that period. `accept`: "
        "what the last list said holds on, since tokens live for minutes and an outage of the "
        "platform should not stop every container. `refuse`: 503, for those to whom a revoked "
        "token is worse than an outage.",
        read_status_outage},
    Key{"auth", "leeway", Form::text, "a duration from 0s to 60s", "30s",
        "How far the platform's clock may be ahead (`iat` and `nbf`; `exp` has none).",
        read_leeway},
    Key{"auth", "client_ca", Form::text, "the path of a PEM file", "",
        "The authority of client certificates. Needed in mode `mtls`.", read_client_ca},
    Key{"auth", "trust_domain", Form::text, "a SPIFFE trust domain", "",
        "TRUST_DOMAIN of `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/NAME`. Needed in mode `mtls`.",
        read_trust_domain},
    Key{"auth", "platform_namespace", Form::text, "a Kubernetes namespace", "",
        "NAMESPACE of the same: the platform's. Needed in mode `mtls`.", read_namespace},
    Key{"auth", "allowed_dns_names", Form::texts, "a list of DNS names", "none",
        "Client certificates with one of these DNS names are taken too.", read_dns_names},
    Key{"", "listen", Form::text, "IP:PORT or [IPV6]:PORT", "127.0.0.1:3100",
        "Where the gate listens. In mode `local` loopback alone.", read_listen},
    Key{"", "upstream", Form::text, "http://HOST[:PORT][/PATH], or none", "",
        "The MCP server behind the gate. With a path, the path of `public_url` becomes that one; "
        "without, the request's own is kept. `none`: the gate only answers forward-auth, for a "
        "proxy of your own. `openclaw gate` needs it, `openclaw run` does not.",
        read_upstream},
    Key{"", "public_url", Form::text, "https://HOST[:PORT][/PATH], or SERVICE:PORT in mode mtls",
        "",
        "The container's endpoint as it is registered: the audience of tokens. Needed in modes "
        "`platform` and `mtls`.",
        read_public_url},
    Key{"", "tls", Form::section, "a section", "no TLS", "TLS on the gate's own listener.",
        read_tls},
    Key{"tls", "certificate", Form::text, "the path of a PEM file", "",
        "The server's certificate, the leaf first. Needed in mode `mtls`.", read_certificate},
    Key{"tls", "key", Form::text, "the path of a PEM file", "",
        "Its private key, open to nobody else.", read_private_key},
    Key{"", "allowed_origins", Form::texts, "a list of origins (https://HOST[:PORT])",
        "that of `public_url`", "Web pages that may call, beside `public_url`'s own.",
        read_origins},
    Key{"", "metrics", Form::text, "IP:PORT or [IPV6]:PORT, a loopback address", "no metrics",
        "Where Prometheus finds the metrics.", read_metrics},
    Key{"", "limits", Form::section, "a section", "", "Bounds on what strangers can use up.",
        nullptr},
    Key{"limits", "connections", Form::number, "a number from 1 to 1000000", "10000",
        "Clients at the same time.", read_connections},
    Key{"limits", "body", Form::number_or_text, "a size from 1KiB to 1GiB, such as 4MiB", "4MiB",
        "The largest request body.", read_body},
};

const Key* find_key(std::string_view section, std::string_view name) {
  const auto found = std::find_if(kSchema.begin(), kSchema.end(), [&](const Key& key) {
    return key.section == section && key.name == name;
  });
  return found == kSchema.end() ? nullptr : &*found;
}

std::size_t index_of(const Key& key) { return static_cast<std::size_t>(&key - kSchema.data()); }

std::string hint_for_unknown_key(std::string_view section, std::string_view name) {
  std::vector<std::string_view> known;
  std::string list;
  for (const Key& key : kSchema) {
    if (key.section != section) continue;
    known.push_back(key.name);
    list += (list.empty() ? "" : ", ") + std::string(key.name);
  }
  if (const std::string_view meant = nearest(name, known); !meant.empty()) {
    return "did you mean `" + std::string(meant) + "`?";
  }
  for (const Key& key : kSchema) {
    if (key.name == name) return "it belongs elsewhere, as `" + path_of(key) + "`";
  }
  return "known here: " + list;
}

// --- the walk through the file ------------------------------------------------------------------

struct Place {
  int line = 0;  // 0: the key is not in the file
  int column = 0;
};

class Walker {
 public:
  explicit Walker(Reader& reader) : reader_(reader) {}

  void read_section(std::string_view section, const YamlNode& map);

  // Where the key stands; for a key of auth.tokens[], in its last entry.
  Place place_of(std::string_view section, std::string_view name) const {
    return places_[index_of(*find_key(section, name))];
  }

 private:
  using Lines = std::array<int, kSchema.size()>;

  const Key* known_key(std::string_view section, const YamlNode& name, Lines& first_lines);
  void read_value(const Key& key, const YamlNode& name, const YamlNode& value);
  void read_entries(const Value& value);
  void finish_entry(const YamlNode& entry, bool clean);
  bool has_form(const Key& key, const YamlNode& value);
  bool are_texts(const Key& key, const YamlNode& value);

  Reader& reader_;
  std::array<Place, kSchema.size()> places_{};
  std::unordered_map<std::string, int> names_;  // of API keys, with their lines
  std::unordered_map<Digest, int, DigestHash, DigestEqual> hashes_;
};

// Null, with a problem, for a key that is unknown or stands here for the second time.
const Key* Walker::known_key(std::string_view section, const YamlNode& name, Lines& first_lines) {
  const Key* key = name.kind == Kind::scalar ? find_key(section, name.text) : nullptr;
  if (key == nullptr) {
    const bool repeatable = name.kind == Kind::scalar && is_repeatable(name.text);
    if (repeatable && name.text == "<<") {
      reader_.problem(name, "merge keys (<<) are not taken: write the values out");
    } else {
      reader_.problem(name, repeatable ? "unknown key `" + name.text +
                                             "`: " + hint_for_unknown_key(section, name.text)
                                       : "unknown key: " + hint_for_unknown_key(section, ""));
    }
    return nullptr;
  }
  int& first = first_lines[index_of(*key)];
  if (first != 0) {
    reader_.problem(name, path_of(*key) + " stands here a second time (first in line " +
                              std::to_string(first) + "): keep one");
    return nullptr;
  }
  first = name.line;
  return key;
}

void Walker::read_section(std::string_view section, const YamlNode& map) {
  Lines first_lines{};
  for (std::size_t i = 0; i + 1 < map.items.size() && !reader_.full(); i += 2) {
    const YamlNode& name = map.items[i];
    if (const Key* key = known_key(section, name, first_lines); key != nullptr) {
      places_[index_of(*key)] = {name.line, name.column};
      read_value(*key, name, map.items[i + 1]);
    }
  }
}

void Walker::read_value(const Key& key, const YamlNode& name, const YamlNode& value) {
  if (value.kind == Kind::nothing && key.form != Form::entries) {
    // An empty value has no place of its own.
    reader_.problem(name, path_of(key) + " has no value: it must be " + std::string(key.type) +
                              ", or the key must go");
    return;
  }
  if (!has_form(key, value)) return;
  switch (key.form) {
    case Form::section:
      if (key.read != nullptr) key.read(reader_, {key, value});
      return read_section(path_of(key), value);
    case Form::entries:
      return read_entries({key, value});
    default:
      return key.read(reader_, {key, value});
  }
}

bool Walker::has_form(const Key& key, const YamlNode& value) {
  bool fits = false;
  switch (key.form) {
    case Form::section:
      fits = value.kind == Kind::map;
      break;
    case Form::entries:
      fits = value.kind == Kind::list || value.kind == Kind::nothing;
      break;
    case Form::text:
      fits = is_text(value);
      break;
    case Form::texts:
      if (value.kind == Kind::list) return are_texts(key, value);
      break;
    case Form::number:
      fits = value.kind == Kind::scalar && !value.quoted && looks_like_number(value.text);
      break;
    case Form::number_or_text:
      fits = value.kind == Kind::scalar;
      break;
  }
  if (!fits) {
    const bool needs_quotes = key.form == Form::text && value.kind == Kind::scalar;
    reader_.problem(
        value,
        path_of(key) + " must be " + std::string(key.type) +
            (needs_quotes ? ": YAML reads a number or a boolean here; put quotes around it" : ""));
  }
  return fits;
}

bool Walker::are_texts(const Key& key, const YamlNode& value) {
  constexpr std::size_t kMostTexts = 1000;
  if (value.items.size() > kMostTexts) {
    reader_.problem(value,
                    path_of(key) + " has more than " + std::to_string(kMostTexts) + " items");
    return false;
  }
  bool good = true;
  for (const YamlNode& item : value.items) {
    if (is_text(item)) continue;
    reader_.problem(item,
                    path_of(key) + " must be " + std::string(key.type) + ": this item is no text");
    good = false;
  }
  return good;
}

void Walker::read_entries(const Value& value) {
  const std::string section = path_of(value.key) + "[]";
  reader_.config.api_keys.reserve(value.node.items.size());
  for (const YamlNode& entry : value.node.items) {
    if (reader_.full()) return;
    if (entry.kind != Kind::map) {
      reader_.problem(entry, section + " must be a section with name and hash");
      continue;
    }
    reader_.api_key = {};
    const std::size_t before = reader_.problems.size();
    places_[index_of(*find_key(section, "name"))] = {};
    places_[index_of(*find_key(section, "hash"))] = {};
    read_section(section, entry);
    finish_entry(entry, reader_.problems.size() == before);
  }
}

void Walker::finish_entry(const YamlNode& entry, bool clean) {
  constexpr std::string_view kSection = "auth.tokens[]";
  for (const std::string_view needed : {"name", "hash"}) {
    if (place_of(kSection, needed).line == 0) {
      reader_.problem(entry, "a key of auth.tokens needs `" + std::string(needed) + "`");
      clean = false;
    }
  }
  if (!clean) return;
  const Place name = place_of(kSection, "name");
  const auto [first_name, new_name] = names_.try_emplace(reader_.api_key.name, name.line);
  if (!new_name) {
    reader_.problem(
        name.line, name.column,
        "another key has this name (line " + std::to_string(first_name->second) + "): rename one");
  }
  const Place hash = place_of(kSection, "hash");
  const auto [first_hash, new_hash] = hashes_.try_emplace(reader_.api_key.hash, hash.line);
  if (!new_hash) {
    reader_.problem(
        hash.line, hash.column,
        "another key has this hash (line " + std::to_string(first_hash->second) + "): delete one");
  }
  if (new_name && new_hash) reader_.config.api_keys.push_back(std::move(reader_.api_key));
}

// --- what must fit together ---------------------------------------------------------------------

class Checker {
 public:
  Checker(Reader& reader, const Walker& walker, ConfigUse use)
      : reader_(reader), config_(reader.config), walker_(walker), use_(use) {}

  void check() {
    const Place auth = walker_.place_of("", "auth");
    if (auth.line == 0) {
      reader_.problem(0, 0, "auth is missing: it says who may call");
      return;
    }
    if (walker_.place_of("auth", "mode").line == 0) {
      reader_.problem(auth.line, auth.column,
                      "auth.mode is missing: it must be local, token, platform or mtls");
    }
    check_tls();
    check_addresses();
    if (use_ == ConfigUse::gate) {
      need("", "upstream", "the gate needs the MCP server that it stands before");
    }
    if (!reader_.mode_is_known) return;
    switch (config_.mode) {
      case Mode::local:
        return check_local();
      case Mode::token:
        return;
      case Mode::platform:
        return check_platform();
      case Mode::mtls:
        return check_mtls();
    }
  }

 private:
  // A value that is in the file but wrong has its own problem already.
  void need(std::string_view section, std::string_view name, const std::string& why) {
    if (walker_.place_of(section, name).line != 0) return;
    const Place mode = walker_.place_of("auth", "mode");
    const Key& key = *find_key(section, name);
    reader_.problem(mode.line, mode.column,
                    path_of(key) + " is missing: " + why + "; add " + path_of(key) + ": " +
                        std::string(key.type));
  }

  void at(std::string_view section, std::string_view name, std::string message) {
    const Place place = walker_.place_of(section, name);
    reader_.problem(place.line, place.column, std::move(message));
  }

  void check_tls() {
    if (!config_.tls) return;
    for (const std::string_view name : {"certificate", "key"}) {
      if (walker_.place_of("tls", name).line != 0) continue;
      at("", "tls", "tls." + std::string(name) + " is missing: tls needs certificate and key");
    }
  }

  void check_addresses() {
    if (config_.metrics == config_.listen && config_.listen.port != 0) {
      at("", "metrics", "metrics and listen are the same address: give metrics a port of its own");
    }
  }

  void check_local() {
    if (is_loopback_address(config_.listen.host)) return;
    at("", "listen",
       "in mode local nothing proves a caller, so listen must be a loopback address (127.0.0.1 or "
       "::1): change it, or choose another auth.mode");
  }

  void check_platform() {
    need("", "public_url", "mode platform must know the audience that tokens name");
    need("auth", "platform_jwks_url", "mode platform checks signatures by the platform's keys");
    need("auth", "expected_user_id", "mode platform lets in one user's tokens alone");
    if (!config_.public_url.empty() && !config_.public_url.starts_with("https://")) {
      at("", "public_url",
         "mode platform serves an external container: public_url must be "
         "https://HOST[:PORT][/PATH]");
    }
  }

  void check_mtls() {
    need("", "public_url", "mode mtls must know the audience that user claims name");
    need("auth", "platform_jwks_url", "mode mtls checks user claims by the platform's keys");
    need("auth", "client_ca", "mode mtls asks for client certificates of one authority");
    need("auth", "trust_domain", "mode mtls lets in the platform's workloads alone");
    need("auth", "platform_namespace", "mode mtls lets in the platform's workloads alone");
    need("", "tls", "mode mtls is TLS, with a certificate of the gate's own");
    if (config_.public_url.starts_with("https://")) {
      at("", "public_url",
         "mode mtls serves a hosted container: public_url must be SERVICE:PORT, "
         "as its endpoint is registered");
    }
  }

  Reader& reader_;
  const Config& config_;
  const Walker& walker_;
  ConfigUse use_;
};

}  // namespace

bool is_api_key_name(std::string_view name) {
  constexpr std::size_t kMost = 128;
  return !name.empty() && name.size() <= kMost && !has_control_characters(name);
}

std::string_view name(Mode mode) {
  return std::find_if(kModes.begin(), kModes.end(),
                      [&](const ModeName& each) { return each.mode == mode; })
      ->text;
}

std::variant<Config, std::vector<ConfigProblem>> parse_config(std::string_view yaml,
                                                              ConfigUse use) {
  using Problems = std::vector<ConfigProblem>;
  if (yaml.size() > kMaxConfigFile) return Problems{{0, 0, "is larger than 64 MiB"}};
  const std::variant<YamlNode, YamlError> read = read_yaml(yaml);
  if (const auto* error = std::get_if<YamlError>(&read)) {
    return Problems{{error->line, error->column, error->message}};
  }
  const YamlNode& root = std::get<YamlNode>(read);
  if (root.kind != Kind::map && root.kind != Kind::nothing) {
    return Problems{{root.line, root.column, "must be a section of keys, such as `auth:`"}};
  }

  Reader reader;
  Walker walker(reader);
  walker.read_section("", root);
  Checker(reader, walker, use).check();
  if (!reader.problems.empty()) {
    std::stable_sort(
        reader.problems.begin(), reader.problems.end(),
        [](const ConfigProblem& a, const ConfigProblem& b) { return a.line < b.line; });
    return std::move(reader.problems);
  }
  Config& config = reader.config;
  if (config.issuer.empty() && !config.jwks_url.empty()) {
    config.issuer = origin(*parse_http_url(config.jwks_url));
  }
  for (ApiKey& key : config.api_keys) {
    if (key.scopes.empty()) key.scopes = config.required_scopes;
  }
  return std::move(config);
}

std::string format_problem(const std::string& path, const ConfigProblem& problem) {
  std::string text = path;
  if (problem.line > 0) {
    text += ':' + std::to_string(problem.line) + ':' + std::to_string(problem.column);
  }
  return text + ": " + problem.message;
}

std::vector<ConfigKey> config_schema() {
  std::vector<ConfigKey> keys;
  keys.reserve(kSchema.size());
  for (const Key& key : kSchema) {
    keys.push_back({path_of(key), key.type, key.fallback, key.meaning});
  }
  return keys;
}

}  // namespace openclaw::gate
