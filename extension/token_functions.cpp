// Opaque tokens in SQL: mint, hash, verify one, verify many.
#include "core/opaque_token.h"
#include "core/scope.h"
#include "extension/postgres_random.h"
#include "extension/verification.h"

namespace openclaw::extension {

namespace {

constexpr std::size_t kMaxTokensPerCall = 65536;
constexpr std::size_t kMaxTokensToMint = 10000;
constexpr std::size_t kMaxPurposesBytes = 32 * kMaxTokensToMint;
constexpr std::size_t kMaxTokensBytes = 16 * 1024 * 1024;

// openclaw.token_verification, column by column.
struct VerificationRow {
  static constexpr int kColumns = 8;
  Datum values[kColumns] = {};
  bool nulls[kColumns];

  VerificationRow(const Result<TokenRow>& verified) {
    for (bool& is_null : nulls) is_null = true;
    set(0, BoolGetDatum(static_cast<bool>(verified)));
    if (!verified) {
      set(1, Call::text(name(verified.error())));
      return;
    }
    set(2, verified->id);
    set(3, verified->user_id);
    if (verified->has_container) set(4, verified->container_id);
    set(5, verified->scopes);
    set(6, verified->issued_for);
    set(7, TimestampTzGetDatum(verified->expires_at));
  }

 private:
  void set(int column, Datum value) {
    values[column] = value;
    nulls[column] = false;
  }
};

TokenPurpose purpose_of(std::string_view purpose) {
  if (purpose == "user_direct") return TokenPurpose::user_direct;
  if (purpose == "platform_harness") return TokenPurpose::platform_harness;
  if (purpose == "refresh") return TokenPurpose::refresh;
  if (purpose == "client_secret") return TokenPurpose::client_secret;
  throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "unknown purpose of a token"};
}

// Malformed tokens cost no look-up: `position` says where each good one's digest went.
struct Digests {
  static constexpr std::size_t kMalformed = SIZE_MAX;
  std::vector<Digest> hashes;
  std::vector<std::size_t> position;

  explicit Digests(const TextArray& tokens) {
    hashes.reserve(tokens.size());
    position.reserve(tokens.size());
    for (const auto& token : tokens) {
      bool good = token && parse_token(*token);
      position.push_back(good ? hashes.size() : kMalformed);
      if (good) hashes.push_back(token_hash(*token));
    }
  }
};

void put(const Call::Rows& rows, std::size_t ordinal, const VerificationRow& row) {
  guarded([&] {
    Datum values[VerificationRow::kColumns + 1];
    bool nulls[VerificationRow::kColumns + 1];
    values[0] = Int64GetDatum(static_cast<int64>(ordinal));
    nulls[0] = false;
    memcpy(values + 1, row.values, sizeof row.values);
    memcpy(nulls + 1, row.nulls, sizeof row.nulls);
    tuplestore_putvalues(rows.store, rows.type, values, nulls);
  });
}

// A row for each of `count` new tokens: (place, ordinal, token, token_hash, token_id, issued_as).
void put_minted(const Call::Rows& rows, std::int64_t place, TokenPurpose purpose,
                std::int32_t count, RandomSource& random) {
  std::string id = new_id("tok", random);
  if (count > 1) id.append("_").append(std::to_string(count));
  const Datum issued_as = Call::text(id);
  const std::size_t common = id.size();
  for (std::int32_t ordinal = 1; ordinal <= count; ordinal++) {
    const MintedToken minted = mint_token(purpose, random);
    id.resize(common);
    if (count > 1) id.append("_").append(std::to_string(ordinal));
    const std::string_view text = minted.text.text(), token_id = id;
    const ByteView hash = minted.hash;
    guarded([&] {
      Datum values[6] = {Int64GetDatum(place), Int32GetDatum(ordinal), Call::text(text),
                         Call::bytea(hash),    Call::text(token_id),   issued_as};
      bool nulls[6] = {};
      tuplestore_putvalues(rows.store, rows.type, values, nulls);
      for (int column = 2; column < 5; column++) pfree(DatumGetPointer(values[column]));
    });
  }
}

}  // namespace

OPENCLAW_FUNCTION(openclaw_mint_token) {
  Call call(fcinfo);
  PostgresRandom random;
  MintedToken minted = mint_token(purpose_of(call.required_text(0, 32, "purpose")), random);
  Datum values[2] = {Call::text(minted.text.text()), Call::bytea(minted.hash)};
  bool nulls[2] = {false, false};
  return call.row(values, nulls);
}

// (purposes, counts)
OPENCLAW_FUNCTION(openclaw_mint_tokens) {
  Call call(fcinfo);
  const TextArray purposes =
      call.required_text_array(0, kMaxTokensToMint, kMaxPurposesBytes, "purposes");
  const std::span<const std::int32_t> counts =
      call.required_int_array(1, kMaxTokensToMint, "counts");
  if (purposes.size() != counts.size()) {
    throw SqlError{ERRCODE_ARRAY_SUBSCRIPT_ERROR, "purposes and counts must be as many"};
  }
  const Call::Rows rows = call.rows();
  BufferedRandom random;
  std::size_t minted = 0;
  for (std::size_t i = 0; i < counts.size(); i++) {
    const TokenPurpose purpose = purpose_of(purposes[i].value_or(""));
    const std::int32_t count = counts[i];
    if (count < 1) throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "a count must be at least 1"};
    minted += static_cast<std::size_t>(count);
    if (minted > kMaxTokensToMint) {
      throw SqlError{ERRCODE_PROGRAM_LIMIT_EXCEEDED, "too many tokens",
                     "At most " + std::to_string(kMaxTokensToMint) + " are made in one call."};
    }
    put_minted(rows, static_cast<std::int64_t>(i + 1), purpose, count, random);
  }
  return call.null();
}

// (user_id, most)
OPENCLAW_FUNCTION(openclaw_live_tokens_within) {
  Call call(fcinfo);
  const std::int64_t most = DatumGetInt64(call.datum(1));
  return Call::boolean(most >= 0 &&
                       live_tokens_within(call.required_text(0, 4096, "user_id"), most));
}

// (token, successor_key)
OPENCLAW_FUNCTION(openclaw_mint_successor) {
  Call call(fcinfo);
  ByteView key = as_bytes(call.required_text(1, 32, "successor_key"));
  if (key.size() != 32) {
    throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "successor_key must have 32 bytes"};
  }
  MintedToken minted = mint_successor(call.required_text(0, kTokenLength, "token"), key);
  Datum values[2] = {Call::text(minted.text.text()), Call::bytea(minted.hash)};
  bool nulls[2] = {false, false};
  return call.row(values, nulls);
}

OPENCLAW_FUNCTION(openclaw_token_hash) {
  Call call(fcinfo);
  auto token = call.text(0, kTokenLength);
  if (!token || !parse_token(*token)) return call.null();
  return Call::bytea(token_hash(*token));
}

OPENCLAW_FUNCTION(openclaw_verify_token) {
  Call call(fcinfo);
  TextArray scopes = call.required_text_array(1, kMaxScopes, kMaxScopesBytes, "required_scopes");
  auto verified =
      check_token(call.text(0, kTokenLength), required_scopes(scopes), GetCurrentTimestamp());
  VerificationRow row(verified);
  return call.row(row.values, row.nulls);
}

OPENCLAW_FUNCTION(openclaw_verify_tokens) {
  Call call(fcinfo);
  TextArray tokens = call.required_text_array(0, kMaxTokensPerCall, kMaxTokensBytes, "tokens");
  TextArray scopes = call.required_text_array(1, kMaxScopes, kMaxScopesBytes, "required_scopes");
  std::vector<std::string_view> required = required_scopes(scopes);
  Call::Rows rows = call.rows();

  Digests digests(tokens);
  std::vector<TokenRow> found(digests.hashes.size());
  find_tokens(digests.hashes, found);
  TimestampTz now = GetCurrentTimestamp();
  for (std::size_t i = 0; i < tokens.size(); i++) {
    std::size_t position = digests.position[i];
    put(rows, i + 1,
        position == Digests::kMalformed
            ? VerificationRow(Error::malformed)
            : VerificationRow(check_token(found[position], required, now)));
  }
  return call.null();
}

}  // namespace openclaw::extension
