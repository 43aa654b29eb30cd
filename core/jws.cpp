#include "core/jws.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/encoding.h"
#include "core/json.h"
#include "core/json_writer.h"
#include "core/sha256.h"

namespace openclaw {
namespace {

constexpr std::size_t kMaxKid = 256;

struct Segments {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signed_text;
};

Result<Segments> split(std::string_view jws) {
  const std::size_t first = jws.find('.');
  if (first == jws.npos) return Error::malformed;
  const std::size_t second = jws.find('.', first + 1);
  if (second == jws.npos || jws.find('.', second + 1) != jws.npos) return Error::malformed;
  const Segments segments{jws.substr(0, first), jws.substr(first + 1, second - first - 1),
                          jws.substr(second + 1), jws.substr(0, second)};
  if (segments.header.empty() || segments.payload.empty() || segments.signature.empty()) {
    return Error::malformed;
  }
  return segments;
}

Result<JsonDocument> decode_object(std::string_view segment, const JsonLimits& limits) {
  const Result<Bytes> bytes = base64url_decode(segment);
  if (!bytes) return Error::malformed;
  return parse_json_object(as_text(*bytes), limits);
}

// None when the member is absent.
Result<std::optional<std::string>> text_member(const JsonObject& object, std::string_view member) {
  const std::optional<JsonValue> found = object.find(member);
  if (!found) return std::optional<std::string>();
  const auto text = found->text();
  if (!text) return Error::malformed;
  return std::optional<std::string>(*text);
}

struct Header {
  std::string algorithm;
  std::optional<std::string> type;
  std::optional<std::string> kid;
};

// A header that brings its own key, points to one, or changes how the rest is to be read is refused
// whole, never followed (RFC 8725 3.1 and 3.10; RFC 7797 for b64).
Result<Header> read_header(const JsonObject& header, JwsHeaders headers) {
  constexpr std::array<std::string_view, 7> kRefused{"crit", "b64", "jwk", "jku",
                                                     "x5c",  "x5u", "zip"};
  for (const std::string_view member : kRefused) {
    if (header.contains(member)) return Error::malformed;
  }
  auto algorithm = text_member(header, "alg");
  auto type = text_member(header, "typ");
  auto kid = text_member(header, "kid");
  if (!algorithm || !type || !kid || !*algorithm) return Error::malformed;
  if (headers == JwsHeaders::ours && (!*type || !*kid)) return Error::malformed;
  if (*kid && (*kid)->size() > kMaxKid) return Error::malformed;
  Header read{std::move(**algorithm), std::move(*type), std::move(*kid)};
  // The name that RFC 9864 2.2 gives to what we write as EdDSA; new clients write it.
  if (headers == JwsHeaders::foreign && read.algorithm == "Ed25519") {
    read.algorithm = name(Algorithm::EdDSA);
  }
  return read;
}

// The header that was read last is kept: all JWTs that one key signs have the same, byte for byte.
Result<Header> header_of(std::string_view segment, JwsHeaders headers) {
  struct Known {
    std::string segment;
    JwsHeaders headers{};
    Header header;
  };
  static thread_local Known known;
  if (segment == known.segment && headers == known.headers) return known.header;
  const Result<JsonDocument> object = decode_object(segment, {});
  if (!object) return object.error();
  Result<Header> read = read_header(object->object(), headers);
  if (read) known = {std::string(segment), headers, *read};
  return read;
}

bool fits(const PublicKey& key, const ParsedJws& jws) {
  return key.verify(as_bytes(jws.signed_text), jws.signature);
}

bool fits(const PublicKey& key, const ParsedJws& jws, KnownSignatures& known) {
  const Digest text = sha256(as_bytes(jws.text));
  if (known.contains(text)) return true;
  if (!fits(key, jws)) return false;
  known.add(text);
  return true;
}

char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

}  // namespace

Result<ParsedJws> parse_jws(std::string_view jws, std::size_t longest, JwsHeaders headers) {
  if (jws.size() > longest) return Error::malformed;
  const Result<Segments> segments = split(jws);
  if (!segments) return segments.error();
  Result<Header> header = header_of(segments->header, headers);
  if (!header) return header.error();
  Result<JsonDocument> payload = decode_object(segments->payload, {.bytes = longest});
  if (!payload) return payload.error();
  Result<Bytes> signature = base64url_decode(segments->signature);
  if (!signature) return Error::malformed;
  return ParsedJws{std::move(header->algorithm),
                   std::move(header->type),
                   std::move(header->kid),
                   std::move(*payload),
                   jws,
                   segments->signed_text,
                   std::move(*signature)};
}

Result<void> check_signature(const ParsedJws& jws, const KeySet& keys, KnownSignatures* known) {
  const Result<Algorithm> algorithm = parse_algorithm(jws.algorithm);
  if (!algorithm) return algorithm.error();
  if (jws.kid) {
    const PublicKey* key = keys.find(*jws.kid);
    if (key == nullptr) return Error::unknown_key;
    if (key->algorithm() != *algorithm) return Error::unsupported_algorithm;
    if (!(known != nullptr ? fits(*key, jws, *known) : fits(*key, jws))) {
      return Error::invalid_signature;
    }
    return {};
  }
  const std::vector<const PublicKey*> candidates = keys.with_algorithm(*algorithm);
  if (candidates.empty()) return Error::unknown_key;
  const bool fits_one = std::any_of(candidates.begin(), candidates.end(),
                                    [&](const PublicKey* key) { return fits(*key, jws); });
  if (!fits_one) return Error::invalid_signature;
  return {};
}

bool is_media_type(std::string_view typ, std::string_view name) {
  constexpr std::string_view kPrefix = "application/";
  if (equal_ignoring_case(typ.substr(0, kPrefix.size()), kPrefix)) {
    typ.remove_prefix(kPrefix.size());
  }
  return equal_ignoring_case(typ, name);
}

std::string sign_jws(const SigningKey& key, std::string_view type, std::string_view payload) {
  ObjectWriter header(64 + key.kid().size());
  header.text("alg", name(key.algorithm()));
  header.text("typ", type);
  header.text("kid", key.kid());
  constexpr std::size_t kLongestSignature = 684;  // 512 bytes of RSA in base64url
  const std::string_view finished = header.finish();
  std::string jws;
  jws.reserve((finished.size() + payload.size()) / 3 * 4 + 8 + kLongestSignature);
  append_base64url(jws, as_bytes(finished));
  jws += '.';
  append_base64url(jws, as_bytes(payload));
  const Bytes signature = key.sign(as_bytes(jws));
  jws += '.';
  append_base64url(jws, signature);
  return jws;
}

}  // namespace openclaw
