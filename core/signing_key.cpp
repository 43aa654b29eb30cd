#include "core/signing_key.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <stdexcept>
#include <utility>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "core/encoding.h"
#include "core/free_with.h"
#include "core/json.h"
#include "core/json_writer.h"
#include "core/openssl_errors.h"
#include "core/sha256.h"
#include "core/sodium.h"

namespace openclaw {
namespace {

constexpr std::size_t kMaxJwk = 16 * 1024;
constexpr std::size_t kMaxKid = 256;
constexpr std::size_t kP256Bytes = 32;
constexpr std::size_t kMinRsaBits = 2048;
constexpr std::size_t kMaxRsaBits = 4096;
constexpr std::size_t kNewRsaBits = 2048;
constexpr std::size_t kMaxRsaExponentBytes = 8;
constexpr std::size_t kMaxEcdsaDer = 72;  // two 33-byte integers and three headers
constexpr std::size_t kEs256Bytes = 2 * kP256Bytes;

using PkeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, FreeWith<BN_clear_free>>;
using GroupPtr = std::unique_ptr<EC_GROUP, FreeWith<EC_GROUP_free>>;
using PointPtr = std::unique_ptr<EC_POINT, FreeWith<EC_POINT_free>>;
using EcdsaPtr = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;
using EncoderPtr = std::unique_ptr<OSSL_ENCODER_CTX, FreeWith<OSSL_ENCODER_CTX_free>>;
using DecoderPtr = std::unique_ptr<OSSL_DECODER_CTX, FreeWith<OSSL_DECODER_CTX_free>>;

// For what can only fail when memory is short or the library is broken.
template <class T>
T required(T value) {
  if (!value) throw std::runtime_error("OpenSSL failed where it cannot be refused");
  return value;
}

// Fetched once per process and never freed: freeing it at exit could come after OpenSSL's own end.
const EVP_MD* sha256_method() {
  static const EVP_MD* const method = required(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  return method;
}

// What a public key consists of, as a JWK carries it: x of Ed25519; x and y of P-256; n and e of
// RSA. Big-endian.
struct Numbers {
  Bytes first;
  Bytes second;
};

// --- OpenSSL keys ------------------------------------------------------------------------------

// OSSL_PARAM takes integers in the machine's byte order.
Secret machine_order(ByteView big_endian) {
  Secret bytes(big_endian);
  if constexpr (std::endian::native == std::endian::little) {
    std::reverse(bytes.data(), bytes.data() + bytes.size());
  }
  return bytes;
}

// Null when OpenSSL refuses the numbers.
PkeyPtr pkey_from_params(const char* type, int selection, OSSL_PARAM* params) {
  const PkeyCtxPtr context =
      required(PkeyCtxPtr(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr)));
  EVP_PKEY* pkey = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &pkey, selection, params) != 1) {
    return nullptr;
  }
  return PkeyPtr(pkey);
}

bool passes_public_check(EVP_PKEY* pkey) {
  const PkeyCtxPtr context =
      required(PkeyCtxPtr(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey, nullptr)));
  return EVP_PKEY_public_check(context.get()) == 1;
}

// P-256 from the uncompressed point, and from the scalar too where there is one.
PkeyPtr p256_pkey(std::span<std::uint8_t> point, Secret* scalar) {
  std::array<char, 11> group{"prime256v1"};
  std::array<OSSL_PARAM, 4> params{
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
  if (scalar == nullptr) return pkey_from_params("EC", EVP_PKEY_PUBLIC_KEY, params.data());
  params[2] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, scalar->data(), scalar->size());
  return pkey_from_params("EC", EVP_PKEY_KEYPAIR, params.data());
}

// Null unless x and y are 32 bytes each (RFC 7518 6.2.1.2) and a point of the curve.
PkeyPtr p256_public_key(const Numbers& numbers) {
  if (numbers.first.size() != kP256Bytes || numbers.second.size() != kP256Bytes) return nullptr;
  std::array<std::uint8_t, 1 + 2 * kP256Bytes> point{POINT_CONVERSION_UNCOMPRESSED};
  std::copy(numbers.first.begin(), numbers.first.end(), point.begin() + 1);
  std::copy(numbers.second.begin(), numbers.second.end(), point.begin() + 1 + kP256Bytes);
  PkeyPtr pkey = p256_pkey(point, nullptr);
  if (!pkey || !passes_public_check(pkey.get())) return nullptr;
  return pkey;
}

bool is_rsa_modulus(ByteView n) {
  if (n.empty() || n.front() == 0 || n.size() > kMaxRsaBits / 8) return false;
  const auto bits = (n.size() - 1) * 8 + static_cast<std::size_t>(std::bit_width(n.front()));
  return bits >= kMinRsaBits && (n.back() & 1) == 1;
}

// Odd, at least 3, below 2^64: a larger exponent serves nobody but who wants verifying to be slow.
bool is_rsa_exponent(ByteView e) {
  if (e.empty() || e.front() == 0 || e.size() > kMaxRsaExponentBytes) return false;
  const bool is_one = e.size() == 1 && e.front() == 1;
  return !is_one && (e.back() & 1) == 1;
}

// Null for a key that is out of bounds, or whose modulus is prime or has a small factor. No leading
// zeros: a key has one spelling (RFC 7518 2, Base64urlUInt).
PkeyPtr rsa_public_key(const Numbers& numbers) {
  if (!is_rsa_modulus(numbers.first) || !is_rsa_exponent(numbers.second)) return nullptr;
  Secret n = machine_order(numbers.first);
  Secret e = machine_order(numbers.second);
  std::array<OSSL_PARAM, 3> params{
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n.data(), n.size()),
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, e.data(), e.size()),
      OSSL_PARAM_construct_end()};
  PkeyPtr pkey = pkey_from_params("RSA", EVP_PKEY_PUBLIC_KEY, params.data());
  if (!pkey || !passes_public_check(pkey.get())) return nullptr;
  return pkey;
}

NumberPtr draw_p256_scalar(const EC_GROUP* group, RandomSource& random) {
  // A draw is refused with a chance of 2^-32; a source that is refused this often is broken.
  constexpr int kMaxDraws = 16;
  Secret bytes(kP256Bytes);
  for (int draw = 0; draw < kMaxDraws; ++draw) {
    random.fill({bytes.data(), bytes.size()});
    NumberPtr scalar =
        required(NumberPtr(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr)));
    if (!BN_is_zero(scalar.get()) && BN_cmp(scalar.get(), EC_GROUP_get0_order(group)) < 0) {
      return scalar;
    }
  }
  throw std::runtime_error("the random source gives no P-256 scalar");
}

PkeyPtr generate_p256(RandomSource& random) {
  const GroupPtr group = required(GroupPtr(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)));
  const NumberPtr number = draw_p256_scalar(group.get(), random);
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  const PointPtr point = required(PointPtr(EC_POINT_new(group.get())));
  required(EC_POINT_mul(group.get(), point.get(), number.get(), nullptr, nullptr, nullptr) == 1);

  std::array<std::uint8_t, 1 + 2 * kP256Bytes> encoded{};
  required(EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED,
                              encoded.data(), encoded.size(), nullptr) == encoded.size());
  Secret scalar(kP256Bytes);
  required(BN_bn2nativepad(number.get(), scalar.data(), kP256Bytes) == kP256Bytes);
  return required(p256_pkey(encoded, &scalar));
}

PkeyPtr decode_pkcs8(const char* type, ByteView der) {
  EVP_PKEY* decoded = nullptr;
  const DecoderPtr decoder = required(DecoderPtr(OSSL_DECODER_CTX_new_for_pkey(
      &decoded, "DER", "PrivateKeyInfo", type, EVP_PKEY_KEYPAIR, nullptr, nullptr)));
  const unsigned char* rest = der.data();
  std::size_t left = der.size();
  const int done = OSSL_DECODER_from_data(decoder.get(), &rest, &left);
  PkeyPtr pkey(decoded);
  if (done != 1 || left != 0) return nullptr;
  return pkey;
}

Secret encode_pkcs8(const EVP_PKEY* pkey) {
  const EncoderPtr encoder = required(EncoderPtr(
      OSSL_ENCODER_CTX_new_for_pkey(pkey, EVP_PKEY_KEYPAIR, "DER", "PrivateKeyInfo", nullptr)));
  unsigned char* der = nullptr;
  std::size_t size = 0;
  required(OSSL_ENCODER_to_data(encoder.get(), &der, &size) == 1);
  const auto release = [size](unsigned char* bytes) { OPENSSL_clear_free(bytes, size); };
  const std::unique_ptr<unsigned char, decltype(release)> owner(der, release);
  return Secret(ByteView(der, size));
}

Bytes number_of(const EVP_PKEY* pkey, const char* parameter, std::size_t width = 0) {
  BIGNUM* raw = nullptr;
  const int found = EVP_PKEY_get_bn_param(pkey, parameter, &raw);
  const NumberPtr number(raw);
  required(found == 1);
  const int size = width != 0 ? static_cast<int>(width) : BN_num_bytes(raw);
  Bytes bytes(static_cast<std::size_t>(size));
  required(BN_bn2binpad(raw, bytes.data(), size) == size);
  return bytes;
}

bool is_p256(const EVP_PKEY* pkey) {
  std::array<char, 32> group{};
  return EVP_PKEY_get_group_name(pkey, group.data(), group.size(), nullptr) == 1 &&
         std::string_view(group.data()) == "prime256v1";
}

// --- OpenSSL signatures ------------------------------------------------------------------------

// Made once for a key: to begin a verification anew each time costs a fifth of one with RSA.
PkeyCtxPtr make_verifier(EVP_PKEY* pkey) {
  PkeyCtxPtr verifier = required(PkeyCtxPtr(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey, nullptr)));
  required(EVP_PKEY_verify_init(verifier.get()) == 1);
  required(EVP_PKEY_CTX_set_signature_md(verifier.get(), sha256_method()) == 1);
  if (EVP_PKEY_is_a(pkey, "RSA") == 1) {
    required(EVP_PKEY_CTX_set_rsa_padding(verifier.get(), RSA_PKCS1_PADDING) == 1);
  }
  return verifier;
}

bool digest_verify(EVP_PKEY_CTX* verifier, ByteView message, ByteView signature) {
  const ErrorQueueRestorer restorer;
  const Digest digest = sha256(message);
  return EVP_PKEY_verify(verifier, signature.data(), signature.size(), digest.data(),
                         digest.size()) == 1;
}

// Empty when the private half is unfit to sign.
Bytes digest_sign(EVP_PKEY* pkey, ByteView message) {
  const ErrorQueueRestorer restorer;
  const MdCtxPtr context = required(MdCtxPtr(EVP_MD_CTX_new()));
  Bytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(pkey)));
  std::size_t size = signature.size();
  if (EVP_DigestSignInit(context.get(), nullptr, sha256_method(), nullptr, pkey) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) {
    return {};
  }
  signature.resize(size);
  return signature;
}

// A positive number as DER's INTEGER (X.690 8.3): as short as can be, the first bit 0. Where it
// ends.
std::uint8_t* write_der_integer(std::uint8_t* der, ByteView number) {
  while (number.size() > 1 && number.front() == 0) number = number.subspan(1);
  const bool needs_zero = number.front() >= 0x80;
  *der++ = 0x02;
  *der++ = static_cast<std::uint8_t>(number.size() + (needs_zero ? 1 : 0));
  if (needs_zero) *der++ = 0;
  return std::copy(number.begin(), number.end(), der);
}

// r || s to the DER that OpenSSL takes. It refuses r and s outside 1..n-1 itself. Its own encoder
// wants numbers made for it first, which takes twenty times as long.
bool es256_verify(EVP_PKEY_CTX* verifier, ByteView message, ByteView signature) {
  if (signature.size() != kEs256Bytes) return false;
  std::array<std::uint8_t, kMaxEcdsaDer> der;
  constexpr std::size_t kSequenceHead = 2;
  std::uint8_t* end = write_der_integer(der.data() + kSequenceHead, signature.first(kP256Bytes));
  end = write_der_integer(end, signature.subspan(kP256Bytes));
  const auto size = static_cast<std::size_t>(end - der.data());
  der[0] = 0x30;
  der[1] = static_cast<std::uint8_t>(size - kSequenceHead);
  return digest_verify(verifier, message, ByteView(der).first(size));
}

Bytes es256_sign(EVP_PKEY* pkey, ByteView message) {
  const Bytes der = digest_sign(pkey, message);
  if (der.empty()) return {};
  const unsigned char* rest = der.data();
  const EcdsaPtr parts =
      required(EcdsaPtr(d2i_ECDSA_SIG(nullptr, &rest, static_cast<long>(der.size()))));
  Bytes signature(kEs256Bytes);
  constexpr int kWidth = kP256Bytes;
  required(BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), signature.data(), kWidth) == kWidth);
  required(BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), signature.data() + kWidth, kWidth) ==
           kWidth);
  return signature;
}

// --- JWK ---------------------------------------------------------------------------------------

// Empty when the member is absent or no string.
std::string_view text_member(const JsonObject& object, std::string_view member) {
  const std::optional<JsonValue> found = object.find(member);
  return found ? found->text().value_or(std::string_view()) : std::string_view();
}

bool has_private_members(const JsonObject& jwk) {
  constexpr std::array<std::string_view, 8> kPrivate{"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
  return std::any_of(kPrivate.begin(), kPrivate.end(),
                     [&](std::string_view member) { return jwk.contains(member); });
}

// The key's type and curve and the algorithm that the key itself names must agree (RFC 8725 3.1).
Result<Algorithm> algorithm_of(const JsonObject& jwk) {
  const std::string_view kty = text_member(jwk, "kty");
  const std::string_view crv = text_member(jwk, "crv");
  const std::string_view alg = text_member(jwk, "alg");
  const bool is_eddsa = alg == "EdDSA" || alg == "Ed25519";  // RFC 8037 3.1, RFC 9864 2.2
  if (kty == "OKP" && crv == "Ed25519" && is_eddsa) return Algorithm::EdDSA;
  if (kty == "EC" && crv == "P-256" && alg == "ES256") return Algorithm::ES256;
  if (kty == "RSA" && alg == "RS256") return Algorithm::RS256;
  return Error::unsupported_key;
}

// RFC 7517 4.2 and 4.3. "sign" and "verify" are the one pair that may stand together here; an
// operation named twice is forbidden there.
bool may_verify_signatures(const JsonObject& jwk) {
  if (jwk.contains("use") && text_member(jwk, "use") != "sig") return false;
  const std::optional<JsonValue> member = jwk.find("key_ops");
  if (!member) return true;
  const auto operations = member->list();
  if (!operations) return false;
  const auto count = [&](std::string_view operation) {
    return std::count_if(operations->begin(), operations->end(),
                         [&](const JsonValue& item) { return item.text() == operation; });
  };
  const auto verify = count("verify");
  const auto sign = count("sign");
  return verify == 1 && sign <= 1 && static_cast<std::size_t>(verify + sign) == operations->size();
}

bool is_kid(std::string_view kid) {
  return !kid.empty() && kid.size() <= kMaxKid &&
         std::all_of(kid.begin(), kid.end(), [](char c) { return c >= 0x20 && c <= 0x7E; });
}

Result<Bytes> number_member(const JsonObject& jwk, std::string_view member) {
  Result<Bytes> bytes = base64url_decode(text_member(jwk, member));
  if (!bytes) return Error::invalid_key;
  return bytes;
}

Result<Numbers> numbers_of(const JsonObject& jwk, Algorithm algorithm) {
  const bool is_rsa = algorithm == Algorithm::RS256;
  Result<Bytes> first = number_member(jwk, is_rsa ? "n" : "x");
  if (!first) return first.error();
  if (algorithm == Algorithm::EdDSA) return Numbers{std::move(*first), {}};
  Result<Bytes> second = number_member(jwk, is_rsa ? "e" : "y");
  if (!second) return second.error();
  return Numbers{std::move(*first), std::move(*second)};
}

}  // namespace

std::string_view name(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::EdDSA:
      return "EdDSA";
    case Algorithm::ES256:
      return "ES256";
    case Algorithm::RS256:
      return "RS256";
  }
  throw std::invalid_argument("no such algorithm");
}

Result<Algorithm> parse_algorithm(std::string_view text) {
  for (const Algorithm algorithm : {Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256}) {
    if (text == name(algorithm)) return algorithm;
  }
  return Error::unsupported_algorithm;
}

// --- PublicKey ---------------------------------------------------------------------------------

struct PublicKey::Impl {
  Algorithm algorithm;
  Numbers numbers;
  PkeyCtxPtr verifier;  // null for EdDSA, where numbers.first is all that libsodium takes
  std::string thumbprint;
  std::string kid;

  // Error::invalid_key. The kid is the thumbprint.
  static Result<PublicKey> of(Algorithm algorithm, Numbers numbers, Origin origin);
  // False when they make no key that is fit to verify.
  bool take_numbers();
  std::string compute_thumbprint() const;
};

bool PublicKey::Impl::take_numbers() {
  const ErrorQueueRestorer restorer;
  if (algorithm == Algorithm::EdDSA) {
    return crypto_core_ed25519_is_valid_point(numbers.first.data()) == 1;
  }
  const PkeyPtr pkey =
      algorithm == Algorithm::ES256 ? p256_public_key(numbers) : rsa_public_key(numbers);
  if (pkey) verifier = make_verifier(pkey.get());
  return verifier != nullptr;
}

Result<PublicKey> PublicKey::Impl::of(Algorithm algorithm, Numbers numbers, Origin origin) {
  if (algorithm == Algorithm::EdDSA && numbers.first.size() != crypto_sign_ed25519_PUBLICKEYBYTES) {
    return Error::invalid_key;
  }
  auto impl = std::make_unique<Impl>(
      Impl{algorithm, std::move(numbers), nullptr, std::string(), std::string()});
  if (origin == Origin::anyone && !impl->take_numbers()) return Error::invalid_key;
  impl->thumbprint = impl->compute_thumbprint();
  impl->kid = impl->thumbprint;
  return PublicKey(std::move(impl));
}

// The required members only, in the order of their names (RFC 7638 3.2, RFC 8037 2).
std::string PublicKey::Impl::compute_thumbprint() const {
  const std::string first = base64url_encode(numbers.first);
  const std::string second = base64url_encode(numbers.second);
  ObjectWriter jwk;
  switch (algorithm) {
    case Algorithm::EdDSA:
      jwk.text("crv", "Ed25519");
      jwk.text("kty", "OKP");
      jwk.text("x", first);
      break;
    case Algorithm::ES256:
      jwk.text("crv", "P-256");
      jwk.text("kty", "EC");
      jwk.text("x", first);
      jwk.text("y", second);
      break;
    case Algorithm::RS256:
      jwk.text("e", second);
      jwk.text("kty", "RSA");
      jwk.text("n", first);
      break;
  }
  return base64url_encode(sha256(as_bytes(jwk.finish())));
}

PublicKey::PublicKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PublicKey::PublicKey(PublicKey&&) noexcept = default;
PublicKey& PublicKey::operator=(PublicKey&&) noexcept = default;
PublicKey::~PublicKey() = default;

Result<PublicKey> PublicKey::from_jwk(std::string_view text) {
  const Result<JsonDocument> jwk = parse_json_object(text, {.bytes = kMaxJwk});
  if (!jwk) return jwk.error();
  return from_jwk(jwk->object());
}

Result<PublicKey> PublicKey::from_own_jwk(std::string_view text) {
  const Result<JsonDocument> jwk = parse_json_object(text, {.bytes = kMaxJwk});
  if (!jwk) return jwk.error();
  Result<PublicKey> key = read(jwk->object(), Origin::ourselves);
  if (key && key->kid() != key->thumbprint()) return Error::invalid_key;
  return key;
}

Result<PublicKey> PublicKey::from_jwk(const JsonObject& jwk) { return read(jwk, Origin::anyone); }

Result<PublicKey> PublicKey::read(const JsonObject& jwk, Origin origin) {
  if (jwk.text_bytes() > kMaxJwk) return Error::malformed;
  const std::string_view kid = text_member(jwk, "kid");
  if (jwk.contains("kid") && !is_kid(kid)) return Error::malformed;
  if (has_private_members(jwk)) return Error::invalid_key;
  const Result<Algorithm> algorithm = algorithm_of(jwk);
  if (!algorithm) return algorithm.error();
  if (!may_verify_signatures(jwk)) return Error::not_for_signatures;

  Result<Numbers> numbers = numbers_of(jwk, *algorithm);
  if (!numbers) return numbers.error();
  Result<PublicKey> key = Impl::of(*algorithm, std::move(*numbers), origin);
  if (key && !kid.empty()) key->impl_->kid = kid;
  return key;
}

Algorithm PublicKey::algorithm() const { return impl_->algorithm; }
const std::string& PublicKey::kid() const { return impl_->kid; }
std::string PublicKey::thumbprint() const { return impl_->thumbprint; }

std::string PublicKey::jwk() const {
  const std::string first = base64url_encode(impl_->numbers.first);
  const std::string second = base64url_encode(impl_->numbers.second);
  ObjectWriter jwk;
  switch (impl_->algorithm) {
    case Algorithm::EdDSA:
      jwk.text("kty", "OKP");
      jwk.text("crv", "Ed25519");
      jwk.text("x", first);
      break;
    case Algorithm::ES256:
      jwk.text("kty", "EC");
      jwk.text("crv", "P-256");
      jwk.text("x", first);
      jwk.text("y", second);
      break;
    case Algorithm::RS256:
      jwk.text("kty", "RSA");
      jwk.text("n", first);
      jwk.text("e", second);
      break;
  }
  jwk.text("kid", impl_->kid);
  jwk.text("alg", name(impl_->algorithm));
  jwk.text("use", "sig");
  return std::string(jwk.finish());
}

bool PublicKey::verify(ByteView message, ByteView signature) const {
  const bool by_openssl = impl_->algorithm != Algorithm::EdDSA;
  if (by_openssl && !impl_->verifier && !impl_->take_numbers()) return false;
  switch (impl_->algorithm) {
    case Algorithm::EdDSA:
      return signature.size() == crypto_sign_ed25519_BYTES &&
             crypto_sign_ed25519_verify_detached(signature.data(), message.data(), message.size(),
                                                 impl_->numbers.first.data()) == 0;
    case Algorithm::ES256:
      return es256_verify(impl_->verifier.get(), message, signature);
    case Algorithm::RS256:
      return signature.size() == impl_->numbers.first.size() &&
             digest_verify(impl_->verifier.get(), message, signature);
  }
  return false;
}

// --- SigningKey --------------------------------------------------------------------------------

struct SigningKey::Impl {
  PublicKey public_key;
  Secret ed25519;  // the seed and the public key, as libsodium keeps them; empty for the others
  PkeyPtr pkey;    // null for EdDSA

  static SigningKey from_seed(ByteView seed);
  // Error::invalid_key when the public half is unsound or the private half is not its own.
  static Result<SigningKey> from_pkey(Algorithm algorithm, PkeyPtr pkey);
  // Empty when the private half is unfit to sign.
  Bytes sign(ByteView message) const;
};

SigningKey SigningKey::Impl::from_seed(ByteView seed) {
  Secret secret_key(crypto_sign_ed25519_SECRETKEYBYTES);
  Numbers numbers{Bytes(crypto_sign_ed25519_PUBLICKEYBYTES), {}};
  crypto_sign_ed25519_seed_keypair(numbers.first.data(), secret_key.data(), seed.data());
  Result<PublicKey> public_key =
      PublicKey::Impl::of(Algorithm::EdDSA, std::move(numbers), PublicKey::Origin::anyone);
  return SigningKey(
      std::make_unique<Impl>(Impl{std::move(*public_key), std::move(secret_key), nullptr}));
}

Result<SigningKey> SigningKey::Impl::from_pkey(Algorithm algorithm, PkeyPtr pkey) {
  Numbers numbers = algorithm == Algorithm::ES256
                        ? Numbers{number_of(pkey.get(), OSSL_PKEY_PARAM_EC_PUB_X, kP256Bytes),
                                  number_of(pkey.get(), OSSL_PKEY_PARAM_EC_PUB_Y, kP256Bytes)}
                        : Numbers{number_of(pkey.get(), OSSL_PKEY_PARAM_RSA_N),
                                  number_of(pkey.get(), OSSL_PKEY_PARAM_RSA_E)};
  Result<PublicKey> public_key =
      PublicKey::Impl::of(algorithm, std::move(numbers), PublicKey::Origin::anyone);
  if (!public_key) return public_key.error();
  SigningKey key(std::make_unique<Impl>(Impl{std::move(*public_key), Secret(), std::move(pkey)}));

  // EVP_PKEY_pairwise_check tests the primes of RSA too: 50 ms at each start of a backend.
  const ByteView probe = as_bytes("openclaw key pair check");
  if (!key.public_key().verify(probe, key.impl_->sign(probe))) return Error::invalid_key;
  return key;
}

SigningKey::SigningKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

SigningKey SigningKey::generate(Algorithm algorithm, RandomSource& random) {
  const ErrorQueueRestorer restorer;
  if (algorithm == Algorithm::EdDSA) {
    Secret seed(crypto_sign_ed25519_SEEDBYTES);
    random.fill({seed.data(), seed.size()});
    return Impl::from_seed(seed.view());
  }
  PkeyPtr pkey = algorithm == Algorithm::ES256
                     ? generate_p256(random)
                     : required(PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", kNewRsaBits)));
  Result<SigningKey> key = Impl::from_pkey(algorithm, std::move(pkey));
  return std::move(*required(std::move(key)));
}

Secret SigningKey::private_bytes() const {
  if (algorithm() == Algorithm::EdDSA) {
    return Secret(impl_->ed25519.view().first(crypto_sign_ed25519_SEEDBYTES));
  }
  const ErrorQueueRestorer restorer;
  return encode_pkcs8(impl_->pkey.get());
}

Result<SigningKey> SigningKey::from_private_bytes(Algorithm algorithm, ByteView bytes) {
  if (algorithm == Algorithm::EdDSA) {
    if (bytes.size() != crypto_sign_ed25519_SEEDBYTES) return Error::invalid_key;
    return Impl::from_seed(bytes);
  }
  const ErrorQueueRestorer restorer;
  const bool is_ec = algorithm == Algorithm::ES256;
  PkeyPtr pkey = decode_pkcs8(is_ec ? "EC" : "RSA", bytes);
  if (!pkey || (is_ec && !is_p256(pkey.get()))) return Error::invalid_key;
  return Impl::from_pkey(algorithm, std::move(pkey));
}

Algorithm SigningKey::algorithm() const { return impl_->public_key.algorithm(); }
const std::string& SigningKey::kid() const { return impl_->public_key.kid(); }
const PublicKey& SigningKey::public_key() const { return impl_->public_key; }

Bytes SigningKey::Impl::sign(ByteView message) const {
  switch (public_key.algorithm()) {
    case Algorithm::EdDSA: {
      Bytes signature(crypto_sign_ed25519_BYTES);
      crypto_sign_ed25519_detached(signature.data(), nullptr, message.data(), message.size(),
                                   ed25519.data());
      return signature;
    }
    case Algorithm::ES256:
      return es256_sign(pkey.get(), message);
    case Algorithm::RS256:
      return digest_sign(pkey.get(), message);
  }
  return {};
}

Bytes SigningKey::sign(ByteView message) const {
  Bytes signature = impl_->sign(message);
  required(!signature.empty());
  return signature;
}

}  // namespace openclaw
