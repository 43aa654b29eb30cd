// The bare libsodium operation under what EdDSA costs in Postgres: key at hand, nothing encoded.
//
//   ed25519 sign|verify BYTES COUNT
//
// Prints the microseconds of processor time of one signature, or one verification, of a message of
// BYTES bytes, over COUNT of them; every message is another one.
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <iostream>
#include <string>
#include <vector>

namespace {

struct KeyPair {
  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> public_key;
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret_key;
};

using Message = std::vector<unsigned char>;
using Signature = std::array<unsigned char, crypto_sign_BYTES>;

void number(Message& message, std::uint64_t n) { std::memcpy(message.data(), &n, sizeof n); }

Signature sign(const KeyPair& keys, const Message& message) {
  Signature signature;
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                       keys.secret_key.data());
  return signature;
}

bool verify(const KeyPair& keys, const Message& message, const Signature& signature) {
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     keys.public_key.data()) == 0;
}

double processor_microseconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

double time_signing(const KeyPair& keys, Message message, std::uint64_t count) {
  const double start = processor_microseconds();
  for (std::uint64_t n = 0; n < count; ++n) {
    number(message, n);
    sign(keys, message);
  }
  return (processor_microseconds() - start) / static_cast<double>(count);
}

// Negative when a signature did not verify.
double time_verifying(const KeyPair& keys, Message message, std::uint64_t count) {
  std::vector<Signature> signatures;
  for (std::uint64_t n = 0; n < count; ++n) {
    number(message, n);
    signatures.push_back(sign(keys, message));
  }
  bool good = true;
  const double start = processor_microseconds();
  for (std::uint64_t n = 0; n < count; ++n) {
    number(message, n);
    good = verify(keys, message, signatures[n]) && good;
  }
  const double time = (processor_microseconds() - start) / static_cast<double>(count);
  return good ? time : -1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 4 ? argv[1] : "";
  if ((what != "sign" && what != "verify") || sodium_init() < 0) {
    std::cerr << "usage: ed25519 sign|verify BYTES COUNT\n";
    return 2;
  }
  KeyPair keys{};
  crypto_sign_keypair(keys.public_key.data(), keys.secret_key.data());
  const Message message(std::max<std::size_t>(std::stoul(argv[2]), sizeof(std::uint64_t)), 'a');
  const std::uint64_t count = std::stoull(argv[3]);
  const double time =
      what == "sign" ? time_signing(keys, message, count) : time_verifying(keys, message, count);
  std::cout << time << "\n";
  return time > 0 ? 0 : 1;
}
