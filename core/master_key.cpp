#include "core/master_key.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/encoding.h"
#include "core/sodium.h"

namespace openclaw {
namespace {

constexpr std::string_view kFilePrefix = "openclaw-master-key-v1:";
constexpr std::string_view kIdMessage = "openclaw master key id";
constexpr std::uint8_t kSealVersion = 1;
constexpr std::size_t kIdBytes = 8;

constexpr std::size_t kKeyBytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kHeaderBytes = 1 + kNonceBytes;
constexpr int kFileEncoding = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
constexpr std::size_t kEncodedKeyBytes = sodium_base64_ENCODED_LEN(kKeyBytes, kFileEncoding) - 1;
static_assert(kFilePrefix.size() + kEncodedKeyBytes + 1 <= kMaxMasterKeyFile);

}  // namespace

MasterKey::MasterKey(Secret key) : key_(std::move(key)) {}

MasterKey MasterKey::generate(RandomSource& random) {
  Secret key(kKeyBytes);
  random.fill({key.data(), key.size()});
  return MasterKey(std::move(key));
}

Result<MasterKey> MasterKey::parse(std::string_view file_contents) {
  std::string_view line = file_contents;
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (!line.starts_with(kFilePrefix)) return Error::invalid_master_key;
  line.remove_prefix(kFilePrefix.size());
  if (line.size() != kEncodedKeyBytes) return Error::invalid_master_key;

  // Not through encoding.h: the key's bytes are nowhere but in the Secret.
  Secret key(kKeyBytes);
  if (sodium_decode_base64(line, {key.data(), key.size()}, kFileEncoding) != kKeyBytes) {
    return Error::invalid_master_key;
  }
  return MasterKey(std::move(key));
}

Secret MasterKey::file_contents() const {
  // libsodium ends the encoded key with a NUL; the newline takes its place.
  Secret contents(kFilePrefix.size() + kEncodedKeyBytes + 1);
  std::uint8_t* encoded = std::copy(kFilePrefix.begin(), kFilePrefix.end(), contents.data());
  sodium_bin2base64(reinterpret_cast<char*>(encoded), kEncodedKeyBytes + 1, key_.data(),
                    key_.size(), kFileEncoding);
  contents.data()[contents.size() - 1] = '\n';
  return contents;
}

std::string MasterKey::id() const {
  std::array<std::uint8_t, crypto_generichash_BYTES> hash;
  const ByteView message = as_bytes(kIdMessage);
  crypto_generichash(hash.data(), hash.size(), message.data(), message.size(), key_.data(),
                     key_.size());
  return hex_encode(ByteView(hash).first(kIdBytes));
}

Bytes MasterKey::seal(ByteView plaintext, std::string_view context, RandomSource& random) const {
  ensure_sodium();
  Bytes sealed(kHeaderBytes + plaintext.size() + kTagBytes);
  sealed[0] = kSealVersion;
  const std::span nonce(sealed.data() + 1, kNonceBytes);
  random.fill(nonce);
  const ByteView additional = as_bytes(context);
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data() + kHeaderBytes, nullptr,
                                             plaintext.data(), plaintext.size(), additional.data(),
                                             additional.size(), nullptr, nonce.data(), key_.data());
  return sealed;
}

Result<Secret> MasterKey::open(ByteView sealed, std::string_view context) const {
  ensure_sodium();
  if (sealed.size() < kHeaderBytes + kTagBytes) return Error::wrong_master_key;
  if (sealed[0] != kSealVersion) return Error::wrong_master_key;
  const ByteView nonce = sealed.subspan(1, kNonceBytes);
  const ByteView ciphertext = sealed.subspan(kHeaderBytes);
  const ByteView additional = as_bytes(context);
  Secret plaintext(ciphertext.size() - kTagBytes);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          plaintext.data(), nullptr, nullptr, ciphertext.data(), ciphertext.size(),
          additional.data(), additional.size(), nonce.data(), key_.data()) != 0) {
    return Error::wrong_master_key;
  }
  return plaintext;
}

}  // namespace openclaw
