#include "serving/log.h"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include <spdlog/pattern_formatter.h>
#include <unistd.h>

namespace openclaw {
namespace {

using namespace std::chrono_literals;

// What may wait for whoever reads stderr, beside what is being written.
constexpr std::size_t kMostWaiting = 2 * 1024 * 1024;
// How long after a write lines gather for the next one.
constexpr auto kGathering = 10ms;

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

bool is_plain(char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }

void append_json_string(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto byte = static_cast<unsigned char>(text.front());
    if (text.front() == '"' || text.front() == '\\') {
      out.push_back('\\');
      out.push_back(text.front());
    } else {
      out += "\\u00";
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 0xF]);
    }
    text.remove_prefix(1);
  }
  out.push_back('"');
}

void append_number(std::string& out, std::int64_t number) {
  char digits[20];
  const auto [end, unused] = std::to_chars(std::begin(digits), std::end(digits), number);
  out.append(digits, end);
}

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDERR_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // nobody reads any more
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace

std::string format_event(std::string_view event, std::initializer_list<LogField> fields) {
  std::string out;
  out.reserve(256);
  out += "\"event\":";
  append_json_string(out, event);
  for (const LogField& field : fields) {
    out.push_back(',');
    append_json_string(out, field.name);
    out.push_back(':');
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      append_json_string(out, *text);
    } else {
      append_number(out, std::get<std::int64_t>(field.value));
    }
  }
  return out;
}

class Log::Writer {
 public:
  Writer() : thread_([this] { run(); }) {}
  ~Writer() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void add(LogLevel level, std::string_view text) {
    const spdlog::details::log_msg message(spdlog::string_view_t(), spdlog_level(level),
                                           spdlog::string_view_t(text.data(), text.size()));
    const std::lock_guard lock(mutex_);
    if (waiting_.size() > kMostWaiting) {
      ++lost_;
      return;
    }
    if (waiting_.size() == 0) wake_.notify_one();
    formatter_.format(message, waiting_);
  }

  std::size_t lost() const {
    const std::lock_guard lock(mutex_);
    return lost_;
  }

 private:
  void run() {
    spdlog::memory_buf_t lines;
    std::chrono::steady_clock::time_point next_write{};
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stopped_ || waiting_.size() > 0; });
      if (waiting_.size() == 0) return;
      wake_.wait_until(lock, next_write, [this] { return stopped_; });
      std::swap(lines, waiting_);
      lock.unlock();
      write_all({lines.data(), lines.size()});
      next_write = std::chrono::steady_clock::now() + kGathering;
      lines.clear();
      lock.lock();
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  spdlog::pattern_formatter formatter_{R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})",
                                       spdlog::pattern_time_type::utc, "\n"};
  spdlog::memory_buf_t waiting_;
  std::size_t lost_ = 0;
  bool stopped_ = false;
  std::thread thread_;  // the last: it uses the others
};

Log::Log(LogLevel level) : level_(level), writer_(std::make_unique<Writer>()) {}

Log::~Log() = default;

void Log::write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (writes(level)) writer_->add(level, format_event(event, fields));
}

std::size_t Log::lost() const { return writer_->lost(); }

}  // namespace openclaw
