// A server's log: one JSON object a line on stderr, with time, level, event and the event's fields.
// Nothing that a client sent enters it but a request id of harmless characters: no target, query,
// header, body or SQL parameter, and no text of a Postgres error, which can repeat them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace openclaw {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t> value;
};

// `"event":"...","name":value,...`: the inside of the line's object. Text is escaped so that it
// stays one valid JSON string in one line (RFC 8259 7); bytes above 0x7E are escaped too.
std::string format_event(std::string_view event, std::initializer_list<LogField> fields);

// Lines are written by a thread of its own, and many with one call where there are many: a line
// costs its request no system call. When whoever reads stderr stops, lines are lost (and counted),
// requests are not. Safe to use from several threads.
class Log {
 public:
  explicit Log(LogLevel level);
  // Writes out what waits.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  bool writes(LogLevel level) const { return level >= level_; }
  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);
  // Lines lost so far.
  std::size_t lost() const;

 private:
  class Writer;

  const LogLevel level_;
  std::unique_ptr<Writer> writer_;
};

}  // namespace openclaw
