#include "core/argon2id.h"

#include <dlfcn.h>
#include <sodium.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/unit/fixed_random.h"
#include "tests/unit/reason.h"

namespace {

// What was derived so far: KiB times passes.
std::uint64_t derived_work = 0;

}  // namespace

// Stands before libsodium's, which does the work, and counts it: equal work is what can be shown of
// equal time.
int crypto_pwhash(unsigned char* const out, unsigned long long out_size, const char* const password,
                  unsigned long long password_size, const unsigned char* const salt,
                  unsigned long long passes, std::size_t memory, int algorithm) {
  static auto* const sodiums =
      reinterpret_cast<decltype(&crypto_pwhash)>(dlsym(RTLD_NEXT, "crypto_pwhash"));
  derived_work += passes * (memory / 1024);
  return sodiums(out, out_size, password, password_size, salt, passes, memory, algorithm);
}

namespace openclaw {
namespace {

constexpr std::string_view kPassword = "correct horse battery staple";
constexpr Argon2Cost kCheapest{8192, 1};

// Made by the reference implementation's command (Debian package argon2), as are the strings below
// that differ from it:
//   printf %s 'correct horse battery staple' |
//     argon2 openclaw-salt-16 -id -v 13 -t 2 -k 8192 -p 1 -l 32 -e
constexpr std::string_view kReference =
    "$argon2id$v=19$m=8192,t=2,p=1$b3BlbmNsYXctc2FsdC0xNg$"
    "0EzPgRwk7NksXU7Tj5dPf4wZThpBEmL0As0fJzMxBAk";

// The salt of kReference.
class ReferenceSalt final : public RandomSource {
 public:
  void fill(std::span<std::uint8_t> out) override {
    constexpr std::string_view kSalt = "openclaw-salt-16";
    ASSERT_EQ(out.size(), kSalt.size());
    std::copy(kSalt.begin(), kSalt.end(), out.begin());
  }
};

class BrokenRandom final : public RandomSource {
 public:
  void fill(std::span<std::uint8_t>) override { throw std::runtime_error("no randomness"); }
};

std::string replaced(std::string_view from, std::string_view to) {
  std::string phc(kReference);
  const std::size_t position = phc.find(from);
  if (position == std::string::npos) throw std::logic_error("the row changes nothing");
  return phc.replace(position, from.size(), to);
}

TEST(Argon2id, HashesAsTheReferenceImplementation) {
  ReferenceSalt salt;
  const Result<std::string> phc = argon2id_hash(kPassword, {8192, 2}, salt);
  ASSERT_TRUE(phc);
  EXPECT_EQ(*phc, kReference);
}

TEST(Argon2id, VerifiesWhatTheReferenceImplementationHashed) {
  EXPECT_TRUE(argon2id_verify(kReference, kPassword));
  EXPECT_FALSE(argon2id_verify(kReference, "correct horse battery stapl"));
  EXPECT_FALSE(argon2id_verify(kReference, "Correct horse battery staple"));
}

TEST(Argon2id, WritesAStringThatLibsodiumVerifies) {
  FixedRandom random;
  const Result<std::string> phc = argon2id_hash(kPassword, kCheapest, random);
  ASSERT_TRUE(phc);
  EXPECT_EQ(crypto_pwhash_str_verify(phc->c_str(), kPassword.data(), kPassword.size()), 0);
}

TEST(Argon2id, SaltsEachHash) {
  FixedRandom random;
  const Result<std::string> first = argon2id_hash(kPassword, kCheapest, random);
  const Result<std::string> second = argon2id_hash(kPassword, kCheapest, random);
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  EXPECT_TRUE(argon2id_verify(*first, kPassword));
  EXPECT_TRUE(argon2id_verify(*second, kPassword));
}

TEST(Argon2id, DoesNotHashWithoutRandomness) {
  BrokenRandom random;
  EXPECT_THROW(static_cast<void>(argon2id_hash(kPassword, kCheapest, random)), std::runtime_error);
}

TEST(Argon2id, TakesEveryByteOfThePassword) {
  const std::string password("a\0b", 3);
  FixedRandom random;
  const Result<std::string> phc = argon2id_hash(password, kCheapest, random);
  ASSERT_TRUE(phc);
  EXPECT_TRUE(argon2id_verify(*phc, password));
  EXPECT_FALSE(argon2id_verify(*phc, "a"));
}

TEST(Argon2id, HashesPasswordsOfOneTo1024Bytes) {
  FixedRandom random;
  const std::string longest(kMaxPasswordBytes, 'x');
  const Result<std::string> phc = argon2id_hash(longest, kCheapest, random);
  ASSERT_TRUE(phc);
  EXPECT_TRUE(argon2id_verify(*phc, longest));
  EXPECT_FALSE(argon2id_verify(*phc, longest + "x"));
  EXPECT_EQ(reason(argon2id_hash("x", kCheapest, random)), "accepted");
  EXPECT_EQ(reason(argon2id_hash("", kCheapest, random)), "invalid_password");
  EXPECT_EQ(reason(argon2id_hash(longest + "x", kCheapest, random)), "invalid_password");
}

TEST(Argon2id, RefusesToHashAtACostOutsideTheBounds) {
  FixedRandom random;
  for (const Argon2Cost cost :
       {Argon2Cost{8191, 1}, Argon2Cost{1048577, 1}, Argon2Cost{0, 1}, Argon2Cost{8192, 0},
        Argon2Cost{8192, 17}, Argon2Cost{UINT32_MAX, UINT32_MAX}}) {
    EXPECT_EQ(reason(argon2id_hash(kPassword, cost, random)), "invalid_password_cost")
        << cost.memory_kib << ' ' << cost.iterations;
  }
}

// Each is a string that the reference implementation made of the right password: the bound alone
// is what refuses it.
TEST(Argon2id, VerifiesNothingOutsideTheBoundsOrWithOtherParameters) {
  for (const std::string_view phc :
       {"$argon2id$v=19$m=8192,t=1,p=2$b3BlbmNsYXctc2FsdC0xNg$"
        "otmE0js+c92fR9ra6tDDjZfQOx8NnIvHzn+5tstc2iY",  // two lanes
        "$argon2id$v=19$m=1024,t=1,p=1$b3BlbmNsYXctc2FsdC0xNg$"
        "qu/q+lOFkbE8A3ufSZ1Rz/3ULuSoTXnxkTO7Yxcabbo",  // 1 MiB
        "$argon2id$v=19$m=8192,t=17,p=1$b3BlbmNsYXctc2FsdC0xNg$"
        "mgaHrHlps5COeU7N/zM9nJ37nyIbv4xghAA5qC2WZMk",  // 17 iterations
        "$argon2i$v=19$m=8192,t=3,p=1$b3BlbmNsYXctc2FsdC0xNg$"
        "WZfdppw5H2msnnAVCzeSO6n6b9GFJVscgiVP5zgpQkA",  // Argon2i
        "$argon2id$v=16$m=8192,t=3,p=1$b3BlbmNsYXctc2FsdC0xNg$"
        "9z30LyF9bdAbX9bDBRv6agqmhbjpGmHGK+c81pKVK24",  // version 1.0
        "$argon2id$v=19$m=8192,t=1,p=1$b3BlbmNsYXctc2FsdA$"
        "IQiRX18bBvBs6zn1VdTomzsjMeBDHWssK9fA8mUsIbs"}) {  // a salt of 13 bytes
    EXPECT_FALSE(argon2id_verify(phc, kPassword)) << phc;
  }
}

TEST(Argon2id, VerifiesNothingThatIsNotAPhcStringByteForByte) {
  const std::string rows[] = {
      "",
      "$",
      "correct horse battery staple",
      " " + std::string(kReference),
      std::string(kReference) + " ",
      std::string(kReference) + "$",
      std::string(kReference) + "A",
      std::string(kReference) + '\0',
      std::string(kReference.substr(0, kReference.size() - 1)),
      std::string(kReference.substr(1)),
      replaced("argon2id", "Argon2id"),
      replaced("argon2id", "argon2d"),
      replaced("$v=19", ""),
      replaced("m=8192", "m=08192"),
      replaced("m=8192", "m=+8192"),
      replaced("m=8192", "m=-8192"),
      replaced("m=8192", "m= 8192"),
      replaced("m=8192", "m="),
      replaced("m=8192", "m=8192k"),
      replaced("m=8192", "m=4294975488"),            // 8192 modulo 2^32
      replaced("m=8192", "m=99999999999999999999"),  // over 64 bits
      replaced("t=2", "t=0"),
      replaced("t=2", "t=02"),
      replaced("t=2", "t="),
      replaced("p=1", "p=0"),
      replaced("p=1", "p=01"),
      replaced("m=8192,t=2", "t=2,m=8192"),
      replaced(",p=1", ""),
      replaced("$b3", "$b3="),
      replaced("xNg$", "xNh$"),  // non-zero unused bits in the salt
      replaced("BAk", "BAl"),    // and in the hash
      replaced("$b3BlbmNsYXctc2FsdC0xNg$", "$$"),
      replaced("$0EzP", "$-EzP"),
      replaced("$0EzP", "$\xC3\xA9zP"),
  };
  for (const std::string& phc : rows) EXPECT_FALSE(argon2id_verify(phc, kPassword)) << phc;
}

TEST(Argon2id, VerifiesNoHashWithAnyCharacterChanged) {
  const std::size_t hash_start = kReference.rfind('$') + 1;
  for (std::size_t i = hash_start; i < kReference.size(); ++i) {
    std::string phc(kReference);
    phc[i] = phc[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(argon2id_verify(phc, kPassword)) << i;
  }
}

TEST(Argon2id, VerifiesNoPasswordOutsideItsBounds) {
  EXPECT_FALSE(argon2id_verify(kReference, ""));
  EXPECT_FALSE(argon2id_verify(kReference, std::string(kMaxPasswordBytes + 1, 'x')));
}

std::string hash_at(Argon2Cost cost) {
  FixedRandom random;
  return *argon2id_hash(kPassword, cost, random);
}

struct Checked {
  PasswordCheck answer;
  std::uint64_t work;
};

Checked check(std::optional<std::string_view> phc, std::string_view password, Argon2Cost cost) {
  derived_work = 0;
  const PasswordCheck answer = argon2id_check(phc, password, cost);
  return {answer, derived_work};
}

TEST(Argon2idCheck, TakesTheRightPasswordAndSaysWhenItsHashIsOfALowerCost) {
  struct Row {
    Argon2Cost stored;
    Argon2Cost configured;
    bool outdated;
  };
  for (const Row& row : {Row{{8192, 1}, {8192, 1}, false}, Row{{8192, 1}, {8192, 2}, true},
                         Row{{8192, 1}, {8193, 1}, true}, Row{{8192, 2}, {8192, 1}, false},
                         Row{{8193, 1}, {8192, 1}, false}}) {
    const Checked checked = check(hash_at(row.stored), kPassword, row.configured);
    EXPECT_TRUE(checked.answer.matches);
    EXPECT_EQ(checked.answer.outdated, row.outdated)
        << row.stored.memory_kib << ' ' << row.stored.iterations << " at "
        << row.configured.memory_kib << ' ' << row.configured.iterations;
    EXPECT_EQ(checked.work, std::uint64_t{row.stored.memory_kib} * row.stored.iterations)
        << "the right password costs its own hash";
  }
}

TEST(Argon2idCheck, TakesNoOtherPasswordAndCallsItsHashNotOutdated) {
  for (const Argon2Cost stored : {Argon2Cost{8192, 1}, Argon2Cost{8192, 2}}) {
    const Checked checked = check(hash_at(stored), "another password", {8192, 2});
    EXPECT_FALSE(checked.answer.matches);
    EXPECT_FALSE(checked.answer.outdated);
  }
}

TEST(Argon2idCheck, RefusesWithTheWorkOfAHashWhetherOrNotThereIsOne) {
  constexpr Argon2Cost kCost{19456, 2};
  constexpr std::uint64_t kWhole = 38912;
  EXPECT_EQ(check(std::nullopt, kPassword, kCost).work, kWhole);
  EXPECT_EQ(check("", kPassword, kCost).work, kWhole);
  EXPECT_EQ(check("$argon2id$v=19$m=8192,t=1,p=1$$", kPassword, kCost).work, kWhole);
  EXPECT_EQ(check(replaced("m=8192", "m=8191"), kPassword, kCost).work, kWhole);
  EXPECT_EQ(check(replaced("t=2", "t=17"), kPassword, kCost).work, kWhole);
  EXPECT_EQ(check(hash_at(kCost), "another password", kCost).work, kWhole);
}

TEST(Argon2idCheck, RefusesAtAnOlderCostWithTheWorkOfTheNewOne) {
  constexpr Argon2Cost kCost{19456, 2};
  constexpr std::uint64_t kWhole = 38912;
  // No derivation is smaller than 8192 KiB once: half of it is what cannot be told apart.
  constexpr std::uint64_t kRounding = 4096;
  for (const Argon2Cost stored :
       {Argon2Cost{8192, 1}, Argon2Cost{8192, 2}, Argon2Cost{8192, 3}, Argon2Cost{8192, 4},
        Argon2Cost{9216, 4}, Argon2Cost{12288, 1}, Argon2Cost{12288, 3}, Argon2Cost{16384, 1},
        Argon2Cost{16384, 2}, Argon2Cost{17407, 2}, Argon2Cost{17409, 2}, Argon2Cost{19455, 2},
        Argon2Cost{19456, 1}, Argon2Cost{30720, 1}}) {
    const Checked checked = check(hash_at(stored), "another password", kCost);
    EXPECT_FALSE(checked.answer.matches);
    EXPECT_GE(checked.work + kRounding, kWhole) << stored.memory_kib << ' ' << stored.iterations;
    EXPECT_LE(checked.work, kWhole + kRounding) << stored.memory_kib << ' ' << stored.iterations;
  }
}

TEST(Argon2idCheck, RefusesAtADearerCostWithThatOnesWorkAndNoMore) {
  EXPECT_EQ(check(hash_at({16384, 2}), "another password", {8192, 1}).work, 32768U);
  EXPECT_EQ(check(hash_at({8192, 3}), "another password", {16384, 1}).work, 24576U);
}

TEST(Argon2idCheck, DoesNoWorkForAPasswordOutsideItsBoundsWhoeverIsAsked) {
  const std::string longer(kMaxPasswordBytes + 1, 'x');
  for (std::string_view password : {std::string_view(), std::string_view(longer)}) {
    for (const std::optional<std::string_view> phc :
         {std::optional<std::string_view>(), std::optional<std::string_view>(kReference)}) {
      const Checked checked = check(phc, password, {8192, 2});
      EXPECT_FALSE(checked.answer.matches);
      EXPECT_EQ(checked.work, 0U);
    }
  }
}

TEST(Argon2idCheck, DoesNoWorkAtACostOutsideItsBounds) {
  for (const Argon2Cost cost :
       {Argon2Cost{8191, 1}, Argon2Cost{1048577, 1}, Argon2Cost{8192, 0}, Argon2Cost{8192, 17}}) {
    const Checked checked = check(std::nullopt, kPassword, cost);
    EXPECT_FALSE(checked.answer.matches);
    EXPECT_EQ(checked.work, 0U);
  }
}

// Leaves the process 64 MiB of address space beyond what it has.
void starve_of_memory() {
  std::ifstream statm("/proc/self/statm");
  rlim_t pages = 0;
  statm >> pages;
  const rlim_t bytes = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + (64 << 20);
  const rlimit limit{bytes, bytes};
  if (setrlimit(RLIMIT_AS, &limit) != 0) std::_Exit(2);
}

template <class Call>
[[noreturn]] void exit_with_whether_bad_alloc(Call call) {
  starve_of_memory();
  try {
    call();
  } catch (const std::bad_alloc&) {
    std::cerr << "bad_alloc\n";
    std::_Exit(0);
  }
  std::_Exit(1);
}

TEST(Argon2idDeathTest, SaysSoWhenMemoryForHashingCannotBeHad) {
  EXPECT_EXIT(exit_with_whether_bad_alloc([] {
                FixedRandom random;
                static_cast<void>(argon2id_hash(kPassword, {1048576, 1}, random));
              }),
              testing::ExitedWithCode(0), "bad_alloc");
}

TEST(Argon2idDeathTest, SaysSoRatherThanCallThePasswordWrongWhenMemoryCannotBeHad) {
  EXPECT_EXIT(exit_with_whether_bad_alloc([] {
                static_cast<void>(argon2id_verify(replaced("m=8192", "m=1048576"), kPassword));
              }),
              testing::ExitedWithCode(0), "bad_alloc");
}

TEST(Argon2idDeathTest, SaysSoToAnUnknownUserTooWhenMemoryCannotBeHad) {
  EXPECT_EXIT(exit_with_whether_bad_alloc([] {
                static_cast<void>(argon2id_check(std::nullopt, kPassword, {1048576, 1}));
              }),
              testing::ExitedWithCode(0), "bad_alloc");
}

}  // namespace
}  // namespace openclaw
