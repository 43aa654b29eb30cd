#include "serving/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace openclaw {
namespace {

constexpr std::size_t kWaitingLines = 8'192;

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte >= 0x20 && byte < 0x7F) {
      out.push_back(c);
    } else {
      out += "\\u00";
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 0xF]);
    }
  }
  out.push_back('"');
}

}  // namespace

std::string format_event(std::string_view event, std::initializer_list<LogField> fields) {
  std::string out = "\"event\":";
  append_json_string(out, event);
  for (const LogField& field : fields) {
    out.push_back(',');
    append_json_string(out, field.name);
    out.push_back(':');
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      append_json_string(out, *text);
    } else {
      out += std::to_string(std::get<std::int64_t>(field.value));
    }
  }
  return out;
}

Log::Log(LogLevel level)
    : writer_(std::make_shared<spdlog::details::thread_pool>(kWaitingLines, 1)),
      logger_(std::make_shared<spdlog::async_logger>(
          "openclaw", std::make_shared<spdlog::sinks::stderr_sink_mt>(), writer_,
          spdlog::async_overflow_policy::overrun_oldest)) {
  logger_->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})",
                       spdlog::pattern_time_type::utc);
  logger_->set_level(spdlog_level(level));
}

Log::~Log() = default;

bool Log::writes(LogLevel level) const { return logger_->should_log(spdlog_level(level)); }

void Log::write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (!writes(level)) return;
  const std::string line = format_event(event, fields);
  logger_->log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

std::size_t Log::lost() const { return writer_->overrun_counter(); }

}  // namespace openclaw
