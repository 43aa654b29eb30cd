#include "core/status_list.h"

#define ZLIB_CONST  // the input is read only
#include <zlib.h>

#include <array>
#include <new>
#include <span>
#include <stdexcept>
#include <utility>

#include "core/claim_reader.h"
#include "core/encoding.h"
#include "core/json_writer.h"
#include "core/jws.h"
#include "core/numeric_date.h"
#include "core/sha256.h"

namespace openclaw {
namespace {

constexpr std::string_view kType = "statuslist+jwt";
constexpr std::size_t kMaxRevokedKeys = 1024;

// --- ZLIB --------------------------------------------------------------------------------------

void required(int outcome) {
  if (outcome == Z_MEM_ERROR) throw std::bad_alloc();
  if (outcome != Z_OK) throw std::runtime_error("zlib failed where it cannot be refused");
}

Bytes deflated(ByteView bytes) {
  auto size = compressBound(static_cast<uLong>(bytes.size()));
  Bytes stream(size);
  required(compress2(stream.data(), &size, bytes.data(), static_cast<uLong>(bytes.size()),
                     Z_BEST_COMPRESSION));
  stream.resize(size);
  return stream;
}

// zlib's state while a stream is read.
class Inflater {
 public:
  explicit Inflater(ByteView stream) {
    state_.next_in = stream.data();
    state_.avail_in = static_cast<uInt>(stream.size());
    required(inflateInit(&state_));
  }
  ~Inflater() { inflateEnd(&state_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // What comes next, at most as much as `space` holds; nothing once the stream has ended.
  // Error::malformed for a stream that is none, is cut short, or demands a dictionary.
  Result<std::size_t> read(std::span<std::uint8_t> space) {
    if (ended_) return std::size_t{0};
    state_.next_out = space.data();
    state_.avail_out = static_cast<uInt>(space.size());
    const int outcome = inflate(&state_, Z_NO_FLUSH);
    if (outcome == Z_MEM_ERROR) throw std::bad_alloc();
    ended_ = outcome == Z_STREAM_END;
    const std::size_t written = space.size() - state_.avail_out;
    const bool goes_on = outcome == Z_OK && written > 0;
    if (!ended_ && !goes_on) return Error::malformed;
    return written;
  }

  std::size_t unread() const { return state_.avail_in; }

 private:
  z_stream state_{};
  bool ended_ = false;
};

Result<Bytes> inflated(ByteView stream, std::size_t longest) {
  Inflater inflater(stream);
  Bytes bytes;
  std::array<std::uint8_t, 16 * 1024> chunk;
  for (;;) {
    const Result<std::size_t> size = inflater.read(chunk);
    if (!size) return size.error();
    if (*size == 0) break;
    if (*size > longest - bytes.size()) return Error::too_long;
    bytes.insert(bytes.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(*size));
  }
  if (inflater.unread() > 0) return Error::malformed;
  return bytes;
}

// --- claims ------------------------------------------------------------------------------------

Result<StatusList> read_list(ClaimReader& claims) {
  std::optional<ClaimReader> list = claims.object("status_list");
  if (!list || list->number("bits", 1).value_or(0) != 1) return Error::malformed;
  Result<StatusList> bits = StatusList::decompressed(list->required_text("lst"));
  if (!bits) return Error::malformed;
  return bits;
}

// A time to live of no seconds is none (section 5.1 asks for a positive number).
std::int64_t read_time_to_live(ClaimReader& claims) {
  const std::optional<std::uint64_t> seconds = claims.number("ttl", kMaxNumericDate);
  if (seconds == 0U) claims.refuse();
  return static_cast<std::int64_t>(seconds.value_or(0));
}

Result<StatusListToken> read_token(const JsonObject& payload) {
  bool malformed = false;
  ClaimReader claims(payload, malformed);
  StatusListToken token;
  token.uri = claims.text("sub");
  token.issued_at = claims.required_date("iat");
  token.expires_at = claims.required_date("exp");
  token.time_to_live = read_time_to_live(claims);
  token.revoked_keys = claims.list("revoked_keys", kMaxRevokedKeys);
  Result<StatusList> list = read_list(claims);
  if (malformed || !list) return Error::malformed;
  token.list = std::move(*list);
  return token;
}

}  // namespace

// --- StatusList --------------------------------------------------------------------------------

std::uint32_t status_list_index(std::string_view jti) {
  const Digest digest = sha256(as_bytes(jti));
  return (std::uint32_t{digest[0]} << 16 | std::uint32_t{digest[1]} << 8 | digest[2]) %
         kStatusListSize;
}

StatusList::StatusList(std::uint32_t size, bool all_invalid)
    : bits_((std::size_t{size} + 7) / 8, all_invalid ? 0xFF : 0x00) {}

void StatusList::invalidate(std::uint32_t index) {
  bits_.at(index / 8) |= static_cast<std::uint8_t>(1U << (index % 8));
}

bool StatusList::is_invalid(std::uint32_t index) const {
  const std::size_t byte = index / 8;
  return byte >= bits_.size() || ((bits_[byte] >> (index % 8)) & 1U) == 1;
}

std::string StatusList::compressed() const { return base64url_encode(deflated(bits_)); }

Result<StatusList> StatusList::decompressed(std::string_view text) {
  if (text.size() > kMaxStatusListToken) return Error::too_long;
  const Result<Bytes> stream = base64url_decode(text);
  if (!stream) return Error::malformed;
  Result<Bytes> bits = inflated(*stream, kMaxStatusListBytes);
  if (!bits) return bits.error();
  StatusList list(0);
  list.bits_ = std::move(*bits);
  return list;
}

// --- Status List Token -------------------------------------------------------------------------

std::string sign_status_list(const SigningKey& key, const StatusListToken& token) {
  const std::string compressed = token.list.compressed();
  ObjectWriter list(32 + compressed.size());
  list.number("bits", 1);
  list.text("lst", compressed);
  ObjectWriter payload(256 + token.uri.size() + compressed.size());
  payload.text("sub", token.uri);
  payload.number("iat", token.issued_at);
  payload.number("exp", token.expires_at);
  if (token.time_to_live > 0) payload.number("ttl", token.time_to_live);
  payload.object("status_list", std::move(list));
  if (!token.revoked_keys.empty()) payload.list("revoked_keys", token.revoked_keys);
  return sign_jws(key, kType, payload.finish());
}

Result<StatusListToken> verify_status_list(std::string_view jwt, const KeySet& keys,
                                           std::string_view uri, std::int64_t now,
                                           std::int64_t leeway) {
  const Result<ParsedJws> jws = parse_jws(jwt, kMaxStatusListToken, JwsHeaders::ours);
  if (!jws) return jws.error();
  if (const Result<void> signature = check_signature(*jws, keys); !signature) {
    return signature.error();
  }
  if (!is_media_type(*jws->type, kType)) return Error::wrong_type;
  if (!claim_is(jws->payload.object(), "sub", uri)) return Error::wrong_audience;
  Result<StatusListToken> token = read_token(jws->payload.object());
  if (!token) return token.error();
  if (token->expires_at <= now) return Error::expired;
  if (lies_ahead(token->issued_at, now, leeway)) return Error::not_yet_valid;
  return token;
}

}  // namespace openclaw
