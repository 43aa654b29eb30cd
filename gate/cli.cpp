#include "gate/cli.h"

#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "gate/time_text.h"

namespace openclaw::gate {
namespace {

// Turns a terminal's echo off while it lives; nothing for what is no terminal.
class WithoutEcho {
 public:
  explicit WithoutEcho(int descriptor) : descriptor_(descriptor) {
    is_terminal_ = tcgetattr(descriptor_, &before_) == 0;
    if (!is_terminal_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(descriptor_, TCSAFLUSH, &silent);
  }
  ~WithoutEcho() {
    if (is_terminal_) tcsetattr(descriptor_, TCSAFLUSH, &before_);
  }
  WithoutEcho(const WithoutEcho&) = delete;
  WithoutEcho& operator=(const WithoutEcho&) = delete;

  bool is_terminal() const { return is_terminal_; }

 private:
  int descriptor_;
  bool is_terminal_ = false;
  termios before_{};
};

// Until the end, a line's end on a terminal, or `buffer` is full. None when reading fails.
std::optional<std::size_t> fill(int descriptor, Secret& buffer, bool one_line) {
  std::size_t size = 0;
  while (size < buffer.size()) {
    const ssize_t got = read(descriptor, buffer.data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (one_line && buffer.data()[size - 1] == '\n') break;
  }
  return size;
}

}  // namespace

std::string to_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

int fail(const Console& console, ExitCode code, const std::string& message) {
  if (console.json) {
    console.out << to_line({{"error", message}});
  } else {
    console.err << "openclaw: " << message << '\n';
  }
  return code;
}

int fail(const Console& console, const std::string& path, const FileProblem& problem) {
  return fail(console, problem.cannot_reach ? kUnreachable : kMisused,
              path + ": " + problem.message);
}

int fail(const Console& console, const std::string& path,
         const std::vector<ConfigProblem>& problems) {
  if (!console.json) {
    std::string text;
    for (const ConfigProblem& problem : problems) text += format_problem(path, problem) + '\n';
    if (problems.size() >= kMaxConfigProblems) text += path + ": there may be more\n";
    console.err << text;
    return kMisused;
  }
  Json list = Json::array();
  for (const ConfigProblem& problem : problems) {
    list.push_back(
        {{"line", problem.line}, {"column", problem.column}, {"message", problem.message}});
  }
  console.out << to_line(
      {{"error", format_problem(path, problems.front())}, {"file", path}, {"problems", list}});
  return kMisused;
}

std::variant<Config, int> open_config(const Console& console, const std::string& path,
                                      ConfigUse use) {
  // Read first by itself: a file that is not there is another failure than a bad one.
  const std::variant<std::string, FileProblem> text = read_config_file(path);
  if (const auto* problem = std::get_if<FileProblem>(&text)) return fail(console, path, *problem);
  std::variant<Config, std::vector<ConfigProblem>> loaded = load_config(path, use);
  if (const auto* problems = std::get_if<1>(&loaded)) return fail(console, path, *problems);
  return std::get<Config>(std::move(loaded));
}

std::optional<Secret> read_token(int descriptor, std::ostream& prompt) {
  const WithoutEcho silence(descriptor);
  if (silence.is_terminal()) prompt << "Token (not shown): " << std::flush;
  Secret buffer(kMaxTokenInput + 1);
  const std::optional<std::size_t> size = fill(descriptor, buffer, silence.is_terminal());
  if (silence.is_terminal()) prompt << '\n';
  if (!size || *size == buffer.size()) return std::nullopt;
  std::string_view text = buffer.text().substr(0, *size);
  constexpr std::string_view kSpace = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  text = text.substr(0, text.find_last_not_of(kSpace) + 1);
  return Secret(as_bytes(text));
}

std::string printable(std::string_view text) {
  constexpr std::size_t kMost = 200;
  std::string result(text.substr(0, kMost));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < 0x20 || c > 0x7E; }, '?');
  if (text.size() > kMost) result += "...";
  return result;
}

std::string describe_time(std::int64_t time, std::int64_t now) {
  const std::string distance = format_duration(std::chrono::seconds{time - now});
  return (time > now ? "in " + distance : distance + " ago") + " (" + format_timestamp(time) + ")";
}

}  // namespace openclaw::gate
