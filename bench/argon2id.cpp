// The bare libsodium operation under what a sign-in costs: Argon2id, nothing stored.
//
//   argon2id MEMORY_KIB ITERATIONS COUNT
//
// Prints the milliseconds of processor time of one hash, over COUNT of them; every salt is another
// one.
#include <sodium.h>

#include <array>
#include <cstring>
#include <ctime>
#include <iostream>
#include <string>

namespace {

constexpr char kPassword[] = "correct horse battery staple";

double processor_milliseconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

// Negative when the memory could not be had.
double time_hashing(std::size_t memory, unsigned long long iterations, std::uint64_t count) {
  std::array<unsigned char, crypto_pwhash_SALTBYTES> salt{};
  std::array<unsigned char, 32> hash{};
  const double start = processor_milliseconds();
  for (std::uint64_t n = 0; n < count; ++n) {
    std::memcpy(salt.data(), &n, sizeof n);
    if (crypto_pwhash(hash.data(), hash.size(), kPassword, sizeof kPassword - 1, salt.data(),
                      iterations, memory, crypto_pwhash_ALG_ARGON2ID13) != 0) {
      return -1;
    }
  }
  return (processor_milliseconds() - start) / static_cast<double>(count);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 || sodium_init() < 0) {
    std::cerr << "usage: argon2id MEMORY_KIB ITERATIONS COUNT\n";
    return 2;
  }
  const double time =
      time_hashing(std::stoul(argv[1]) * 1024, std::stoull(argv[2]), std::stoull(argv[3]));
  std::cout << time << "\n";
  return time > 0 ? 0 : 1;
}
