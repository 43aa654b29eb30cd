#include "gate/time_text.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace openclaw::gate {
namespace {

constexpr std::int64_t kMinute = 60;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kMaxDays = 36500;
constexpr std::int64_t kMaxTimestamp = 253402300799;  // 9999-12-31T23:59:59Z

// Takes exactly `digits` digits off the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int number = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(1);
  return true;
}

// YYYY-MM-DD: the seconds of its midnight.
std::optional<std::int64_t> take_date(std::string_view& text) {
  const std::optional<int> year = take_number(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const std::optional<int> month = take_number(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const std::optional<int> day = take_number(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return std::int64_t{std::chrono::sys_days{date}.time_since_epoch().count()} * kDay;
}

// HH:MM, in seconds.
std::optional<std::int64_t> take_hours_and_minutes(std::string_view& text) {
  const std::optional<int> hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const std::optional<int> minute = take_number(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  return *hour * kHour + *minute * kMinute;
}

// :SS and a fraction, which is dropped.
std::optional<std::int64_t> take_seconds(std::string_view& text) {
  if (!take(text, ':')) return std::nullopt;
  const std::optional<int> second = take_number(text, 2);
  if (!second || *second > 59) return std::nullopt;
  if (take(text, '.')) {
    if (!take_number(text, 1)) return std::nullopt;
    while (take_number(text, 1)) {
    }
  }
  return *second;
}

// Z or +HH:MM: what the zone is ahead of UTC.
std::optional<std::int64_t> take_zone(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) return 0;
  const bool behind = text.starts_with('-');
  if (!take(text, behind ? '-' : '+')) return std::nullopt;
  const std::optional<std::int64_t> offset = take_hours_and_minutes(text);
  if (!offset) return std::nullopt;
  return behind ? -*offset : *offset;
}

std::string counted(std::int64_t count, std::string_view unit) {
  std::string text = std::to_string(count) + ' ' + std::string(unit);
  if (count != 1) text += 's';
  return text;
}

}  // namespace

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const char unit_name = text.back();
  const std::int64_t unit = unit_name == 's'   ? 1
                            : unit_name == 'm' ? kMinute
                            : unit_name == 'h' ? kHour
                            : unit_name == 'd' ? kDay
                                               : 0;
  std::uint32_t count = 0;
  const char* const end = text.data() + text.size() - 1;
  const auto parsed = std::from_chars(text.data(), end, count);
  if (unit == 0 || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  if (count > kMaxDays * kDay / unit) return std::nullopt;
  return std::chrono::seconds{count * unit};
}

std::optional<std::int64_t> parse_timestamp(std::string_view text) {
  const std::optional<std::int64_t> date = take_date(text);
  if (!date) return std::nullopt;
  std::int64_t time = *date;
  if (!text.empty()) {
    if (!take(text, 'T') && !take(text, 't')) return std::nullopt;
    const std::optional<std::int64_t> minutes = take_hours_and_minutes(text);
    if (!minutes) return std::nullopt;
    const std::optional<std::int64_t> seconds = take_seconds(text);
    if (!seconds) return std::nullopt;
    const std::optional<std::int64_t> ahead = take_zone(text);
    if (!ahead) return std::nullopt;
    time += *minutes + *seconds - *ahead;
  }
  if (!text.empty() || time < 0 || time > kMaxTimestamp) return std::nullopt;
  return time;
}

std::string format_timestamp(std::int64_t time) {
  const std::chrono::sys_seconds moment{std::chrono::seconds{time}};
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{moment - day};
  std::array<char, 64> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string format_duration(std::chrono::seconds duration) {
  struct Unit {
    std::int64_t seconds;
    std::string_view name;
  };
  constexpr std::array<Unit, 4> kUnits{
      {{kDay, "day"}, {kHour, "hour"}, {kMinute, "minute"}, {1, "second"}}};
  const std::int64_t total = std::abs(duration.count());
  for (std::size_t i = 0; i + 1 < kUnits.size(); ++i) {
    if (total < kUnits[i].seconds) continue;
    std::string text = counted(total / kUnits[i].seconds, kUnits[i].name);
    const std::int64_t rest = total % kUnits[i].seconds / kUnits[i + 1].seconds;
    if (rest > 0) text += ' ' + counted(rest, kUnits[i + 1].name);
    return text;
  }
  return counted(total, "second");
}

}  // namespace openclaw::gate
