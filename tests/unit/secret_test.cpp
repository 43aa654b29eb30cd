#include "core/secret.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

// The array that a test watches, and what was in it at the moment it was given back.
const void* watched_array = nullptr;
std::size_t watched_size = 0;
std::optional<bool> was_wiped;

void observe_delete(const void* array) {
  if (array == nullptr || array != watched_array) return;
  const auto* const bytes = static_cast<const unsigned char*>(array);
  was_wiped = std::all_of(bytes, bytes + watched_size, [](unsigned char b) { return b == 0; });
  watched_array = nullptr;
}

}  // namespace

// Memory must not be read once it is given back, so the test looks at it on its way out.
void* operator new[](std::size_t size) { return ::operator new(size); }
void operator delete[](void* array) noexcept {
  observe_delete(array);
  ::operator delete(array);
}
void operator delete[](void* array, std::size_t) noexcept { ::operator delete[](array); }

namespace openclaw {
namespace {

void watch(const Secret& secret) {
  watched_array = secret.data();
  watched_size = secret.size();
  was_wiped.reset();
}

TEST(Secret, WipesItsBytesBeforeTheyAreFreed) {
  {
    const Secret secret(as_bytes("hunter2"));
    watch(secret);
  }
  EXPECT_EQ(was_wiped, true);
}

TEST(Secret, WipesWhatItHeldWhenAnotherIsMovedIn) {
  Secret secret(as_bytes("old"));
  watch(secret);
  secret = Secret(as_bytes("new"));
  EXPECT_EQ(was_wiped, true);
  EXPECT_EQ(secret.text(), "new");
}

TEST(Secret, CopiesTheBytesThatItIsMadeFrom) {
  std::vector<std::uint8_t> source{1, 2, 3};
  const Secret secret{ByteView(source)};
  source[0] = 9;
  EXPECT_EQ(secret.size(), 3u);
  EXPECT_EQ(secret.data()[0], 1);
  EXPECT_TRUE(std::ranges::equal(secret.view(), std::vector<std::uint8_t>{1, 2, 3}));
}

TEST(Secret, OfASizeStartsZeroedAndCanBeWritten) {
  Secret secret(std::size_t{4});
  EXPECT_TRUE(std::ranges::equal(secret.view(), std::vector<std::uint8_t>(4)));
  secret.data()[0] = 'x';
  EXPECT_EQ(secret.text().front(), 'x');
}

TEST(Secret, LeavesNothingBehindWhenMoved) {
  Secret source(as_bytes("abc"));
  const Secret target(std::move(source));
  EXPECT_EQ(target.text(), "abc");
  // NOLINTBEGIN(bugprone-use-after-move,clang-analyzer-cplusplus.Move): the state under test
  EXPECT_EQ(source.size(), 0u);
  EXPECT_EQ(source.data(), nullptr);
  // NOLINTEND(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
}

TEST(Secret, SurvivesBeingMovedOntoItself) {
  Secret secret(as_bytes("abc"));
  Secret& same = secret;
  secret = std::move(same);
  EXPECT_EQ(secret.text(), "abc");
}

TEST(Secret, MayBeEmpty) {
  EXPECT_EQ(Secret().size(), 0u);
  EXPECT_EQ(Secret(std::size_t{0}).text(), "");
  EXPECT_EQ(Secret(ByteView()).text(), "");
}

TEST(Secret, CannotBeCopied) {
  EXPECT_FALSE(std::is_copy_constructible_v<Secret>);
  EXPECT_FALSE(std::is_copy_assignable_v<Secret>);
}

TEST(Wipe, ZeroesTheWholeRangeAndNothingBesideIt) {
  std::vector<std::uint8_t> bytes(6, 0xAA);
  wipe(bytes.data() + 1, 4);
  EXPECT_EQ(bytes, (std::vector<std::uint8_t>{0xAA, 0, 0, 0, 0, 0xAA}));
  wipe(nullptr, 0);
}

TEST(ConstantTimeEqual, TellsADifferenceAtEveryPosition) {
  const std::vector<std::uint8_t> bytes(32, 0x5A);
  EXPECT_TRUE(constant_time_equal(bytes, std::vector<std::uint8_t>(32, 0x5A)));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::vector<std::uint8_t> other = bytes;
    other[i] ^= 0x01;
    EXPECT_FALSE(constant_time_equal(bytes, other)) << i;
  }
}

TEST(ConstantTimeEqual, TellsAPrefixFromTheWhole) {
  EXPECT_FALSE(constant_time_equal(as_bytes("abc"), as_bytes("abcd")));
  EXPECT_FALSE(constant_time_equal(as_bytes(""), as_bytes("a")));
  EXPECT_TRUE(constant_time_equal(as_bytes(""), ByteView()));
}

}  // namespace
}  // namespace openclaw
