#include "gate/relay.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <vector>

namespace openclaw::gate {
namespace {

void append_number(std::string& out, std::uint64_t number, int base = 10) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  out.append(digits.data(), end);
}

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

// --- which fields -------------------------------------------------------------------------------

bool is_hop_by_hop(http::field field) {
  switch (field) {
    case http::field::connection:
    case http::field::keep_alive:
    case http::field::proxy_authenticate:
    case http::field::proxy_authorization:
    case http::field::proxy_connection:
    case http::field::te:
    case http::field::trailer:
    case http::field::transfer_encoding:
    case http::field::upgrade:
      return true;
    default:
      return false;
  }
}

char canonical(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return c == '_' ? '-' : c;  // which CGI and WSGI cannot tell apart
}

// Credentials, and names under which proxies that we know of vouch for somebody or say what was
// asked for. A trailing * stands for the rest of the name.
constexpr std::array kVouching = std::to_array<std::string_view>({"authorization",
                                                                  "proxy-authorization",
                                                                  "forwarded",
                                                                  "x-forwarded-*",
                                                                  "x-real-ip",
                                                                  "x-client-ip",
                                                                  "true-client-ip",
                                                                  "cf-connecting-ip",
                                                                  "x-cluster-client-ip",
                                                                  "x-openclaw-*",
                                                                  "remote-*",
                                                                  "x-remote-*",
                                                                  "x-auth-*",
                                                                  "x-authenticated-*",
                                                                  "x-authentik-*",
                                                                  "x-webauth-*",
                                                                  "x-user*",
                                                                  "x-email",
                                                                  "x-ssl-*",
                                                                  "ssl-client-*",
                                                                  "x-client-cert*",
                                                                  "client-cert*",
                                                                  "x-goog-*",
                                                                  "x-ms-*",
                                                                  "x-amzn-oidc-*",
                                                                  "x-consumer-*",
                                                                  "x-credential-*",
                                                                  "x-pomerium-*",
                                                                  "x-vouch-*",
                                                                  "oidc-*",
                                                                  "tailscale-*",
                                                                  "cf-access-*",
                                                                  "x-original-*",
                                                                  "x-rewrite-url"});

bool matches(std::string_view name, std::string_view pattern) {
  const bool is_prefix = pattern.ends_with('*');
  if (is_prefix) pattern.remove_suffix(1);
  if (is_prefix ? name.size() < pattern.size() : name.size() != pattern.size()) return false;
  return std::equal(pattern.begin(), pattern.end(), name.begin(),
                    [](char wanted, char given) { return wanted == canonical(given); });
}

bool is_vouching(std::string_view name) {
  // What every pattern begins with: most names stop here.
  constexpr std::string_view kFirst = "acfoprstx";
  if (name.empty() || kFirst.find(canonical(name.front())) == kFirst.npos) return false;
  return std::any_of(kVouching.begin(), kVouching.end(),
                     [&](std::string_view pattern) { return matches(name, pattern); });
}

// The further hop-by-hop fields, which Connection names; most requests name none.
class ConnectionOptions {
 public:
  template <class Fields>
  explicit ConnectionOptions(const Fields& fields) {
    for (const auto& field : fields) {
      if (field.name() != http::field::connection) continue;
      const boost::beast::string_view value = field.value();
      if (boost::beast::iequals(value, "keep-alive") || value == "close") continue;
      for (const auto option : http::token_list(value)) names_.push_back(lower_case(view(option)));
    }
    std::sort(names_.begin(), names_.end());
  }

  bool name(std::string_view field) const {
    return !names_.empty() && std::binary_search(names_.begin(), names_.end(), lower_case(field));
  }

 private:
  static std::string lower_case(std::string_view name) {
    std::string lower(name);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return lower;
  }

  std::vector<std::string> names_;
};

bool is_relayed_to_client(http::field field, bool has_origin) {
  switch (field) {
    case http::field::content_length:  // as Framing says
      return false;
    case http::field::access_control_allow_origin:
    case http::field::access_control_expose_headers:
    case http::field::access_control_allow_credentials:
      return !has_origin;
    default:
      return !is_hop_by_hop(field);
  }
}

// --- lines --------------------------------------------------------------------------------------

void append_framing_field(std::string& out, const Framing& framing) {
  switch (framing.by) {
    case Framing::By::content_length:
      out += "Content-Length: ";
      append_number(out, framing.content_length);
      out += "\r\n";
      return;
    case Framing::By::chunks:
      out += "Transfer-Encoding: chunked\r\n";
      return;
    case Framing::By::nothing:
    case Framing::By::close:
      return;
  }
}

void append_status_line(std::string& out, unsigned status, std::string_view reason) {
  out += "HTTP/1.1 ";
  append_number(out, status);
  out += ' ';
  out += reason;
  out += "\r\n";
}

// IMF-fixdate (RFC 9110 5.6.7).
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return {text.data(), size};
}

}  // namespace

bool is_relayed_upstream(http::field field, std::string_view name) {
  switch (field) {
    case http::field::host:
    case http::field::content_length:
    case http::field::expect:
    case http::field::origin:
      return false;
    case http::field::accept:
    case http::field::accept_encoding:
    case http::field::accept_language:
    case http::field::cache_control:
    case http::field::content_type:
    case http::field::cookie:
    case http::field::user_agent:
      return true;
    default:
      return !is_hop_by_hop(field) && !is_vouching(name) &&
             !matches(name, "x-request-id");  // one, and of harmless characters
  }
}

void append_upstream_head(std::string& out, const RequestParser::value_type& request,
                          const UpstreamHead& head) {
  out += view(request.method_string());
  out += ' ';
  out += head.target;
  out += " HTTP/1.1\r\n";
  append_line(out, "Host", head.host);
  const ConnectionOptions connection(request);
  for (const auto& field : request) {
    const std::string_view name = view(field.name_string());
    if (!is_relayed_upstream(field.name(), name) || connection.name(name)) continue;
    append_line(out, name, view(field.value()));
  }
  if (!head.user_id.empty()) append_line(out, "X-OpenClaw-User-Id", head.user_id);
  append_line(out, "X-Request-Id", head.request_id);
}

void append_framing(std::string& out, const Framing& framing) {
  append_framing_field(out, framing);
  out += "\r\n";
}

void append_client_head(std::string& out, const ResponseParser::value_type& response,
                        std::string_view allowed_origin) {
  append_status_line(out, response.result_int(), view(response.reason()));
  const ConnectionOptions connection(response);
  for (const auto& field : response) {
    const std::string_view name = view(field.name_string());
    if (!is_relayed_to_client(field.name(), !allowed_origin.empty()) || connection.name(name) ||
        matches(name, "x-request-id")) {
      continue;
    }
    append_line(out, name, view(field.value()));
  }
  if (!allowed_origin.empty()) append_cors(out, allowed_origin);
}

void append_client_framing(std::string& out, const ClientHead& head) {
  append_line(out, "X-Request-Id", head.request_id);
  append_framing_field(out, head.framing);
  if (!head.keep_alive) {
    out += "Connection: close\r\n";
  } else if (head.client_version < 11) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
}

void append_own_answer(std::string& out, int status, std::string_view fields, std::string_view body,
                       std::string_view allowed_origin, const ClientHead& head) {
  const auto code = static_cast<unsigned>(status);
  const auto reason = http::obsolete_reason(static_cast<http::status>(code));
  append_status_line(out, code, view(reason));
  append_line(out, "Date", http_date());
  out += fields;
  if (!allowed_origin.empty()) append_cors(out, allowed_origin);
  append_client_framing(out, head);
  out += body;
}

std::string error_body(std::string_view error, std::string_view description) {
  std::string body = R"({"error":")";
  body += error;
  body += R"(","error_description":")";
  body += description;
  body += "\"}";
  return body;
}

void append_cors(std::string& out, std::string_view origin) {
  append_line(out, "Access-Control-Allow-Origin", origin);
  append_line(out, "Access-Control-Expose-Headers",
              "Mcp-Session-Id, Mcp-Protocol-Version, WWW-Authenticate, X-Request-Id");
  append_line(out, "Vary", "Origin");
}

std::string chunk_head(std::size_t size) {
  std::string head;
  append_number(head, size, 16);
  head += "\r\n";
  return head;
}

}  // namespace openclaw::gate
