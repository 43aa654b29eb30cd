#include "core/status_list.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/encoding.h"
#include "core/jwt.h"
#include "tests/unit/fixed_random.h"
#include "tests/unit/jwt_builder.h"
#include "tests/unit/reason.h"

namespace openclaw {
namespace {

using nlohmann::json;

std::vector<int> statuses(const StatusList& list, std::uint32_t count) {
  std::vector<int> read;
  for (std::uint32_t index = 0; index < count; ++index) read.push_back(list.is_invalid(index));
  return read;
}

// The indexes below `count` that are invalid.
std::set<std::uint32_t> invalid_indexes(const StatusList& list, std::uint32_t count) {
  std::set<std::uint32_t> found;
  for (std::uint32_t index = 0; index < count; ++index) {
    if (list.is_invalid(index)) found.insert(index);
  }
  return found;
}

// --- the list ----------------------------------------------------------------------------------

// sha256("abc") begins with ba7816: 0xba7816 % 2^17.
TEST(StatusListIndex, IsTheFirst24BitsOfTheHashOfTheJtiModuloTheSize) {
  EXPECT_EQ(status_list_index("abc"), 0xba7816U % 131072U);
  EXPECT_EQ(status_list_index(""), 0xe3b0c4U % 131072U);
}

TEST(StatusList, IsAllValidOrAllInvalidToBeginWith) {
  const StatusList valid;
  const StatusList invalid(kStatusListSize, true);
  EXPECT_EQ(invalid_indexes(valid, kStatusListSize).size(), 0u);
  EXPECT_EQ(invalid_indexes(invalid, kStatusListSize).size(), kStatusListSize);
}

TEST(StatusList, InvalidatesOneTokenAndNoOther) {
  for (const std::uint32_t index : {0U, 1U, 7U, 8U, 9U, 65'535U, kStatusListSize - 1}) {
    StatusList list;
    list.invalidate(index);
    list.invalidate(index);
    EXPECT_EQ(invalid_indexes(list, kStatusListSize), std::set{index});
  }
}

TEST(StatusList, TakesWhateverLiesBeyondItForInvalid) {
  const StatusList list(8);
  EXPECT_FALSE(list.is_invalid(7));
  EXPECT_TRUE(list.is_invalid(8));
  EXPECT_TRUE(list.is_invalid(std::numeric_limits<std::uint32_t>::max()));
  EXPECT_TRUE(StatusList(0).is_invalid(0));
}

TEST(StatusList, RoundsItsSizeUpToWholeBytes) {
  const StatusList list(9);
  EXPECT_FALSE(list.is_invalid(15));
  EXPECT_TRUE(list.is_invalid(16));
}

TEST(StatusList, HasNoPlaceBeyondItsEndToInvalidate) {
  StatusList list(8);
  EXPECT_THROW(list.invalidate(8), std::out_of_range);
  EXPECT_THROW(list.invalidate(std::numeric_limits<std::uint32_t>::max()), std::out_of_range);
  EXPECT_THROW(StatusList(0).invalidate(0), std::out_of_range);
}

// --- compression -------------------------------------------------------------------------------

TEST(StatusListVector, Section4OneBitExampleIsReadAndWritten) {
  constexpr std::string_view kText = "eNrbuRgAAhcBXQ";
  const Result<StatusList> list = StatusList::decompressed(kText);
  ASSERT_TRUE(list) << reason(list);
  EXPECT_EQ(statuses(*list, 16),
            (std::vector<int>{1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1}));
  EXPECT_TRUE(list->is_invalid(16)) << "its bytes are b9 a3 and no more";
  EXPECT_EQ(list->compressed(), kText);
}

TEST(StatusListVector, AppendixOneBitListOf2To20TokensIsRead) {
  const Result<StatusList> list = StatusList::decompressed(
      "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_"
      "ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAAAAAA"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAAA7KpLAAAAAA"
      "AA"
      "AAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAAAACAZC8L2AEb");
  ASSERT_TRUE(list) << reason(list);
  constexpr std::uint32_t kTokens = 1U << 20;
  EXPECT_EQ(invalid_indexes(*list, kTokens),
            (std::set<std::uint32_t>{0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545,
                                     934534, 1000345}));
  EXPECT_TRUE(list->is_invalid(kTokens));
}

StatusList random_list(std::uint32_t size) {
  StatusList list(size);
  FixedRandom random;
  Bytes bits((size + 7) / 8);
  random.fill(bits);
  for (std::uint32_t index = 0; index < size; ++index) {
    if ((bits[index / 8] >> (index % 8)) & 1U) list.invalidate(index);
  }
  return list;
}

TEST(StatusList, ReadsBackWhatItWrote) {
  for (const std::uint32_t size : {0U, 1U, 8U, 1000U, kStatusListSize}) {
    const StatusList list = random_list(size);
    const Result<StatusList> again = StatusList::decompressed(list.compressed());
    ASSERT_TRUE(again) << reason(again);
    EXPECT_EQ(invalid_indexes(*again, size + 16), invalid_indexes(list, size + 16));
  }
}

TEST(StatusList, OfValidTokensIsSmall) { EXPECT_LT(StatusList().compressed().size(), 100u); }

Bytes zlib_stream(const Bytes& bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  Bytes stream(size);
  EXPECT_EQ(compress2(stream.data(), &size, bytes.data(), static_cast<uLong>(bytes.size()), 9),
            Z_OK);
  stream.resize(size);
  return stream;
}

// Another wrapping (zlib's windowBits), or a stream that demands a dictionary.
Bytes stream_with(int window_bits, bool with_dictionary) {
  Bytes bytes(1000, 0x55);
  Bytes stream(1000);
  z_stream state{};
  EXPECT_EQ(deflateInit2(&state, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  if (with_dictionary) {
    EXPECT_EQ(deflateSetDictionary(&state, bytes.data(), 100), Z_OK);
  }
  state.next_in = bytes.data();
  state.avail_in = static_cast<uInt>(bytes.size());
  state.next_out = stream.data();
  state.avail_out = static_cast<uInt>(stream.size());
  EXPECT_EQ(deflate(&state, Z_FINISH), Z_STREAM_END);
  stream.resize(state.total_out);
  deflateEnd(&state);
  return stream;
}

std::string_view verdict_on_stream(const Bytes& stream) {
  return reason(StatusList::decompressed(base64url_encode(stream)));
}

TEST(StatusListText, ThatIsNoBase64urlIsMalformed) {
  const std::string good = "eNrbuRgAAhcBXQ";
  for (const std::string& text :
       {good + "==", good + " ", " " + good, good + "\n", good + "A", good.substr(0, 13),
        std::string("eNrbuRgAAhcBXR"), std::string("+/"), std::string(1, '\0')}) {
    EXPECT_EQ(reason(StatusList::decompressed(text)), "malformed") << text;
  }
}

TEST(StatusListText, ThatIsNoZlibStreamIsMalformed) {
  EXPECT_EQ(reason(StatusList::decompressed("")), "malformed");
  EXPECT_EQ(verdict_on_stream(Bytes(100, 0)), "malformed");
  EXPECT_EQ(verdict_on_stream(Bytes(100, 0xFF)), "malformed");
  constexpr int kZlib = 15;
  ASSERT_EQ(verdict_on_stream(stream_with(kZlib, false)), "accepted");
  EXPECT_EQ(verdict_on_stream(stream_with(kZlib, true)), "malformed") << "demands a dictionary";
  EXPECT_EQ(verdict_on_stream(stream_with(-kZlib, false)), "malformed") << "raw DEFLATE";
  EXPECT_EQ(verdict_on_stream(stream_with(kZlib + 16, false)), "malformed") << "gzip";
}

TEST(StatusListText, CutShortAnywhereIsMalformed) {
  const Bytes stream = *base64url_decode(random_list(1000).compressed());
  for (std::size_t size = 0; size < stream.size(); ++size) {
    const Bytes cut(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(verdict_on_stream(cut), "malformed") << size;
  }
}

TEST(StatusListText, CutShortWhereAChunkEndsIsMalformed) {
  Bytes stream = zlib_stream(Bytes(64 * 1024, 0));
  constexpr std::size_t kChecksum = 4;
  for (std::size_t dropped = 1; dropped <= kChecksum + 1; ++dropped) {
    stream.pop_back();
    EXPECT_EQ(verdict_on_stream(stream), "malformed") << dropped;
  }
}

TEST(StatusListText, FollowedByAnythingIsMalformed) {
  const Bytes stream = zlib_stream({0xB9, 0xA3});
  Bytes longer = stream;
  longer.push_back(0);
  EXPECT_EQ(verdict_on_stream(longer), "malformed");
  Bytes twice = stream;
  twice.insert(twice.end(), stream.begin(), stream.end());
  EXPECT_EQ(verdict_on_stream(twice), "malformed");
}

TEST(StatusListText, WithAWrongChecksumIsMalformed) {
  Bytes stream = zlib_stream({0xB9, 0xA3});
  stream.back() ^= 1U;
  EXPECT_EQ(verdict_on_stream(stream), "malformed");
}

TEST(StatusListText, UnpacksToExactlyItsBoundAndNotAByteMore) {
  EXPECT_EQ(verdict_on_stream(zlib_stream(Bytes(kMaxStatusListBytes, 0))), "accepted");
  EXPECT_EQ(verdict_on_stream(zlib_stream(Bytes(kMaxStatusListBytes + 1, 0))), "too_long");
}

TEST(StatusListText, OfABombIsTooLong) {
  const Bytes bomb = zlib_stream(Bytes(std::size_t{64} << 20, 0));
  ASSERT_LT(bomb.size(), 100'000u);
  EXPECT_EQ(verdict_on_stream(bomb), "too_long");
}

TEST(StatusListText, OverTheTokensBoundIsNotEvenDecoded) {
  EXPECT_EQ(reason(StatusList::decompressed(std::string(kMaxStatusListToken, '!'))), "malformed");
  EXPECT_EQ(reason(StatusList::decompressed(std::string(kMaxStatusListToken + 1, '!'))),
            "too_long");
}

// --- the token ---------------------------------------------------------------------------------

constexpr std::string_view kUri = "https://api.openclaw.example/oauth/status/ctr_1/1";
constexpr std::string_view kList = "eNrbuRgAAhcBXQ";

StatusListToken good_token() {
  StatusListToken token;
  token.uri = kUri;
  token.issued_at = kNow - 2;
  token.expires_at = kNow + 58;
  token.time_to_live = 5;
  token.list = *StatusList::decompressed(kList);
  return token;
}

Result<StatusListToken> verified(std::string_view jwt, std::string_view uri = kUri,
                                 std::int64_t now = kNow, std::int64_t leeway = kDefaultLeeway) {
  return verify_status_list(jwt, published_keys(), uri, now, leeway);
}

json list_header(Algorithm algorithm = Algorithm::EdDSA) {
  json header = good_header(algorithm);
  header["typ"] = "statuslist+jwt";
  return header;
}

json list_payload() {
  return {{"sub", kUri},
          {"iat", kNow - 2},
          {"exp", kNow + 58},
          {"ttl", 5},
          {"status_list", {{"bits", 1}, {"lst", kList}}}};
}

std::string_view verdict_on_header(std::string_view member, const json& value) {
  json header = list_header();
  header[member] = value;
  return reason(verified(signed_texts(header.dump(), list_payload().dump())));
}

std::string_view verdict_on_payload(const json& payload) {
  return reason(verified(signed_texts(list_header().dump(), payload.dump())));
}

std::string_view verdict_on_claim(std::string_view claim, const json& value) {
  json payload = list_payload();
  payload[claim] = value;
  return verdict_on_payload(payload);
}

std::string_view verdict_without(std::string_view claim) {
  json payload = list_payload();
  payload.erase(std::string(claim));
  return verdict_on_payload(payload);
}

std::string_view verdict_on_list_member(std::string_view member, const json& value) {
  json payload = list_payload();
  payload["status_list"][member] = value;
  return verdict_on_payload(payload);
}

TEST(SignStatusList, WritesHeaderAndClaimsCompactInAFixedOrder) {
  StatusListToken token = good_token();
  token.revoked_keys = {"kid-1", "kid-2"};
  const auto parts = segments_of(sign_status_list(signing_key(), token));
  EXPECT_EQ(decoded(parts[0]),
            R"({"alg":"EdDSA","typ":"statuslist+jwt","kid":")" + signing_key().kid() + R"("})");
  EXPECT_EQ(decoded(parts[1]),
            R"({"sub":"https://api.openclaw.example/oauth/status/ctr_1/1","iat":1699999998,)"
            R"("exp":1700000058,"ttl":5,"status_list":{"bits":1,"lst":"eNrbuRgAAhcBXQ"},)"
            R"("revoked_keys":["kid-1","kid-2"]})");
}

TEST(SignStatusList, LeavesOutWhatIsEmpty) {
  StatusListToken token = good_token();
  token.time_to_live = 0;
  const auto parts = segments_of(sign_status_list(signing_key(), token));
  EXPECT_EQ(decoded(parts[1]),
            R"({"sub":"https://api.openclaw.example/oauth/status/ctr_1/1","iat":1699999998,)"
            R"("exp":1700000058,"status_list":{"bits":1,"lst":"eNrbuRgAAhcBXQ"}})");
}

class EachStatusListAlgorithm : public testing::TestWithParam<Algorithm> {};

INSTANTIATE_TEST_SUITE_P(StatusList, EachStatusListAlgorithm, testing::ValuesIn(kAlgorithms),
                         [](const auto& row) { return std::string(name(row.param)); });

TEST_P(EachStatusListAlgorithm, GivesBackWhatWasSigned) {
  StatusListToken token = good_token();
  token.revoked_keys = {"kid-1"};
  const auto read = verified(sign_status_list(signing_key(GetParam()), token));
  ASSERT_TRUE(read) << reason(read);
  EXPECT_EQ(read->uri, token.uri);
  EXPECT_EQ(read->issued_at, token.issued_at);
  EXPECT_EQ(read->expires_at, token.expires_at);
  EXPECT_EQ(read->time_to_live, token.time_to_live);
  EXPECT_EQ(read->revoked_keys, token.revoked_keys);
  EXPECT_EQ(statuses(read->list, 20), statuses(token.list, 20));
}

TEST_P(EachStatusListAlgorithm, AnySingleCharacterChangedIsRefused) {
  const std::string jwt = sign_status_list(signing_key(GetParam()), good_token());
  ASSERT_EQ(reason(verified(jwt)), "accepted");
  for (std::size_t at = 0; at < jwt.size(); ++at) {
    std::string altered = jwt;
    altered[at] = jwt[at] == 'A' ? 'Q' : 'A';
    EXPECT_NE(reason(verified(altered)), "accepted") << at;
  }
}

TEST(VerifyStatusList, ARevokedKeysListAndATimeToLiveMayBeAbsent) {
  StatusListToken token = good_token();
  token.time_to_live = 0;
  const auto read = verified(sign_status_list(signing_key(), token));
  ASSERT_TRUE(read) << reason(read);
  EXPECT_EQ(read->time_to_live, 0);
  EXPECT_TRUE(read->revoked_keys.empty());
}

// Each token below is wrong in every later way too: the first in the documented order decides.
TEST(VerifyStatusList, ChecksInTheDocumentedOrder) {
  json header = {{"alg", "none"}, {"typ", "JWT"}, {"kid", "nobody"}, {"crit", json::array()}};
  json payload = {{"sub", "x"}, {"exp", kNow}, {"iat", kNow + 1000}};
  const auto forged = [&] {
    return reason(verified(segment(header.dump()) + "." + segment(payload.dump()) + "." +
                           std::string(86, 'A')));
  };
  const auto honest = [&] { return reason(verified(signed_texts(header.dump(), payload.dump()))); };

  EXPECT_EQ(forged(), "malformed");
  header.erase("crit");
  EXPECT_EQ(forged(), "unsupported_algorithm");
  header["alg"] = "EdDSA";
  EXPECT_EQ(forged(), "unknown_key");
  header["kid"] = signing_key(Algorithm::ES256).kid();
  EXPECT_EQ(forged(), "unsupported_algorithm");
  header["kid"] = signing_key().kid();
  EXPECT_EQ(forged(), "invalid_signature");
  EXPECT_EQ(honest(), "wrong_type");
  header["typ"] = "statuslist+jwt";
  EXPECT_EQ(honest(), "wrong_audience");
  payload["sub"] = kUri;
  EXPECT_EQ(honest(), "malformed");
  payload["status_list"] = list_payload()["status_list"];
  EXPECT_EQ(honest(), "expired");
  payload["exp"] = kNow + 1;
  EXPECT_EQ(honest(), "not_yet_valid");
  payload["iat"] = kNow;
  EXPECT_EQ(honest(), "accepted");
}

TEST(VerifyStatusList, OfAnEmptySetKnowsNoKey) {
  const std::string jwt = sign_status_list(signing_key(), good_token());
  EXPECT_EQ(reason(verify_status_list(jwt, *KeySet::of({}), kUri, kNow, 0)), "unknown_key");
}

TEST(VerifyStatusList, HeadersWithoutAKeyOrATypeOrWithAKeyOfTheirOwnAreRefused) {
  for (const char* member : {"alg", "typ", "kid"}) {
    json header = list_header();
    header.erase(member);
    EXPECT_EQ(reason(verified(signed_texts(header.dump(), list_payload().dump()))), "malformed")
        << member;
  }
  for (const char* member : {"crit", "b64", "jwk", "jku", "x5c", "x5u", "zip"}) {
    EXPECT_EQ(verdict_on_header(member, "x"), "malformed") << member;
  }
}

TEST(VerifyStatusList, A25NoOtherTypeStandsInForAListNorAListForAnother) {
  for (const std::string typ : {"at+jwt", "user-claim+jwt", "JWT", "statuslist+cwt", "statuslist",
                                "", " statuslist+jwt", "text/statuslist+jwt"}) {
    EXPECT_EQ(verdict_on_header("typ", typ), "wrong_type") << typ;
  }
  for (const std::string typ : {"statuslist+jwt", "StatusList+JWT", "application/statuslist+jwt"}) {
    EXPECT_EQ(verdict_on_header("typ", typ), "accepted") << typ;
  }
  EXPECT_EQ(reason(verified(sign_jwt(signing_key(), JwtType::access_token, good_claims()))),
            "wrong_type");
  EXPECT_EQ(verdict(sign_status_list(signing_key(), good_token())), "wrong_type");
}

TEST(VerifyStatusList, SubIsTheUriThatWasAskedForByteForByte) {
  const std::string right(kUri);
  for (const json& wrong :
       {json(right + "/"), json(right.substr(0, right.size() - 1)), json(right + "1"),
        json("https://API.openclaw.example/oauth/status/ctr_1/1"), json(""), json(nullptr), json(1),
        json::array({right})}) {
    EXPECT_EQ(verdict_on_claim("sub", wrong), "wrong_audience") << wrong;
  }
  EXPECT_EQ(verdict_without("sub"), "wrong_audience");
  const std::string jwt = sign_status_list(signing_key(), good_token());
  EXPECT_EQ(reason(verified(jwt, "")), "wrong_audience");
}

TEST(VerifyStatusList, ExpIsTheFirstSecondOfBeingExpiredWhateverTheLeeway) {
  const std::string jwt = sign_status_list(signing_key(), good_token());
  const std::int64_t end = good_token().expires_at;
  EXPECT_EQ(reason(verified(jwt, kUri, end - 1, kMaxLeeway)), "accepted");
  EXPECT_EQ(reason(verified(jwt, kUri, end, kMaxLeeway)), "expired");
  EXPECT_EQ(reason(verified(jwt, kUri, std::numeric_limits<std::int64_t>::max(), 0)), "expired");
}

TEST(VerifyStatusList, IatMayLieAheadByTheLeewayOfAtMost60SecondsAndNotASecondMore) {
  const std::string jwt = sign_status_list(signing_key(), good_token());
  const std::int64_t start = good_token().issued_at;
  for (const auto& [given, used] :
       {std::pair<std::int64_t, std::int64_t>{-1, 0}, {0, 0}, {30, 30}, {60, 60}, {61, 60}}) {
    EXPECT_EQ(reason(verified(jwt, kUri, start - used, given)), "accepted") << given;
    EXPECT_EQ(reason(verified(jwt, kUri, start - used - 1, given)), "not_yet_valid") << given;
  }
}

TEST(VerifyStatusList, ClaimsThatAreAbsentOrOfAnotherTypeAreMalformed) {
  for (const char* claim : {"iat", "exp", "status_list"}) {
    EXPECT_EQ(verdict_without(claim), "malformed") << claim;
  }
  for (const char* claim : {"iat", "exp", "ttl"}) {
    for (const json& value : {json("1700000050"), json(1700000050.5), json(-1), json(nullptr),
                              json(kMaxNumericDate + 1), json(true), json::array({kNow})}) {
      EXPECT_EQ(verdict_on_claim(claim, value), "malformed") << claim << value;
    }
  }
  EXPECT_EQ(verdict_on_claim("ttl", 0), "malformed");
  for (const json& value :
       {json("kid"), json(nullptr), json::object(), json::array({1}), json::array({"kid", nullptr}),
        json(std::vector<std::string>(1025, "kid"))}) {
    EXPECT_EQ(verdict_on_claim("revoked_keys", value), "malformed");
  }
  EXPECT_EQ(verdict_on_claim("revoked_keys", std::vector<std::string>(1024, "kid")), "accepted");
}

TEST(VerifyStatusList, AListOfOtherThanOneBitATokenIsMalformed) {
  for (const json& bits :
       {json(0), json(2), json(4), json(8), json(-1), json(1.0), json("1"), json(nullptr)}) {
    EXPECT_EQ(verdict_on_list_member("bits", bits), "malformed") << bits;
  }
  EXPECT_EQ(verdict_on_claim("status_list", {{"lst", kList}}), "malformed");
}

TEST(VerifyStatusList, AListThatDoesNotUnpackIsMalformed) {
  for (const json& text : {json(""), json(nullptr), json(1), json("eNrb"), json("eNrbuRgAAhcBXQ="),
                           json::array({kList})}) {
    EXPECT_EQ(verdict_on_list_member("lst", text), "malformed") << text;
  }
  EXPECT_EQ(verdict_on_claim("status_list", {{"bits", 1}}), "malformed");
  EXPECT_EQ(verdict_on_claim("status_list", kList), "malformed");
  const Bytes too_long = zlib_stream(Bytes(kMaxStatusListBytes + 1, 0));
  EXPECT_EQ(verdict_on_list_member("lst", base64url_encode(too_long)), "malformed");
}

TEST(VerifyStatusList, A14DuplicateMembersAreRefused) {
  const std::string header = list_header().dump();
  const std::string payload = list_payload().dump();
  EXPECT_EQ(reason(verified(signed_texts(doubled(header, R"("typ":"x")"), payload))), "malformed");
  for (const std::string_view claim :
       {R"("sub":"x")", R"("exp":9999999999)", R"("status_list":{})"}) {
    EXPECT_EQ(reason(verified(signed_texts(header, doubled(payload, claim)))), "malformed");
  }
}

TEST(VerifyStatusList, TheLargestListFitsItsToken) {
  StatusListToken token = good_token();
  token.list = random_list(kMaxStatusListBytes * 8);
  const std::string jwt = sign_status_list(signing_key(), token);
  ASSERT_GT(jwt.size(), kMaxStatusListBytes);
  ASSERT_LE(jwt.size(), kMaxStatusListToken);
  const auto read = verified(jwt);
  ASSERT_TRUE(read) << reason(read);
  EXPECT_EQ(read->list.compressed(), token.list.compressed());
}

TEST(VerifyStatusList, ATokenOverItsBoundIsMalformed) {
  const auto token_with = [](std::size_t padding, std::size_t spaces) {
    json payload = list_payload();
    payload["x"] = std::string(padding, 'x');
    return signed_texts(list_header().dump() + std::string(spaces, ' '), payload.dump());
  };
  // Three bytes more are four characters more; base64url steps over some lengths, which white space
  // in the header fills.
  std::size_t padding = (kMaxStatusListToken - token_with(0, 0).size()) / 4 * 3 + 3;
  std::size_t spaces = 0;
  std::string jwt = token_with(padding, spaces);
  while (jwt.size() != kMaxStatusListToken) {
    if (jwt.size() < kMaxStatusListToken) ++spaces;
    if (jwt.size() > kMaxStatusListToken) --padding;
    ASSERT_LT(spaces, 8u);
    jwt = token_with(padding, spaces);
  }
  EXPECT_EQ(reason(verified(jwt)), "accepted");
  EXPECT_EQ(reason(verified(jwt + "A")), "malformed");
  EXPECT_EQ(reason(verified(std::string(kMaxStatusListToken * 4, 'A'))), "malformed");
}

}  // namespace
}  // namespace openclaw
