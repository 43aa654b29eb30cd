// A load generator for HTTP/1.1 on one thread: N keep-alive connections, each with one request in
// flight, for a time. It does as little as it can for each request, so that what is measured is the
// server: one write, one read, a look for the end of the head and for the expected text.
//
//   http_load [OPTION]...
//     --port PORT           of 127.0.0.1, or
//     --socket PATH         a Unix socket
//     --connections N       (64)
//     --seconds S           (1) measured, after --warm-up S (0.2)
//     --rate R              open loop: R requests a second, each at its own time whether or not the
//                           earlier ones are answered, and its latency counted from that time.
//                           Without it, each connection sends when it has its answer (closed loop)
//     --request FILE        the request, whole, without Content-Length; `{}` stands for the value
//     --values FILE         a value a line, one for each request in turn
//     --skip N              begin after so many values
//     --once                each value once: when they run out, the measurement ends
//     --status CODE         (200) that every answer must have
//     --expect TEXT         that every body must hold, --times N (1)
//
// Prints JSON: requests, seconds, rate, p50/p99/max in microseconds, used (values consumed),
// answered (warm-up too), bytes of the average body, cpu (its own microseconds a request). One
// answer that is not as expected ends it with status 1: a load of refusals is no measurement.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;
using Microseconds = std::chrono::duration<double, std::micro>;

struct Options {
  std::uint16_t port = 0;
  std::string socket;
  std::size_t connections = 64;
  double seconds = 1;
  double warm_up = 0.2;
  double rate = 0;
  std::string request;
  std::string values;
  std::size_t skip = 0;
  bool once = false;
  std::string status = "200";
  std::string expect;
  std::size_t times = 1;
};

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--once") {
      options.once = true;
      continue;
    }
    if (++i == argc) throw std::invalid_argument(std::string(name) + " takes a value");
    const std::string value = argv[i];
    if (name == "--port") {
      options.port = static_cast<std::uint16_t>(std::stoul(value));
    } else if (name == "--socket") {
      options.socket = value;
    } else if (name == "--connections") {
      options.connections = std::stoul(value);
    } else if (name == "--seconds") {
      options.seconds = std::stod(value);
    } else if (name == "--warm-up") {
      options.warm_up = std::stod(value);
    } else if (name == "--rate") {
      options.rate = std::stod(value);
    } else if (name == "--request") {
      options.request = value;
    } else if (name == "--values") {
      options.values = value;
    } else if (name == "--skip") {
      options.skip = std::stoul(value);
    } else if (name == "--status") {
      options.status = value;
    } else if (name == "--expect") {
      options.expect = value;
    } else if (name == "--times") {
      options.times = std::stoul(value);
    } else {
      throw std::invalid_argument("unknown option " + std::string(name));
    }
  }
  if ((options.port == 0) == options.socket.empty() || options.request.empty() ||
      options.connections == 0) {
    throw std::invalid_argument("--port or --socket, --request and a connection are needed");
  }
  return options;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The request with a value in its place, and the Content-Length that follows from it.
class Template {
 public:
  explicit Template(const std::string& text) {
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) throw std::runtime_error("the request has no end of its head");
    const std::string head = text.substr(0, end + 2);
    const std::string body = text.substr(end + 4);
    const std::size_t in_head = head.find("{}");
    const std::size_t in_body = body.find("{}");
    value_in_body_ = in_body != std::string::npos;
    value_in_head_ = in_head != std::string::npos;
    head_before_ = head.substr(0, in_head);
    if (value_in_head_) head_after_ = head.substr(in_head + 2);
    body_before_ = body.substr(0, in_body);
    if (value_in_body_) body_after_ = body.substr(in_body + 2);
  }

  void fill(std::string& request, std::string_view value) const {
    request.assign(head_before_);
    if (value_in_head_) request.append(value).append(head_after_);
    const std::size_t length =
        body_before_.size() + body_after_.size() + (value_in_body_ ? value.size() : 0);
    if (length > 0) {
      char digits[20];
      const char* const end = std::to_chars(std::begin(digits), std::end(digits), length).ptr;
      request.append("Content-Length: ").append(std::string_view(digits, end)).append("\r\n");
    }
    request.append("\r\n").append(body_before_);
    if (value_in_body_) request.append(value).append(body_after_);
  }

 private:
  std::string head_before_, head_after_, body_before_, body_after_;
  bool value_in_head_ = false;
  bool value_in_body_ = false;
};

struct Answer {
  std::string_view status;
  std::string_view body;
  std::size_t size;  // head and body
};

// The first answer in the buffer, once it is there whole.
std::optional<Answer> answer_in(std::string_view buffer) {
  const std::size_t end = buffer.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view head = buffer.substr(0, end + 2);
  std::size_t length = 0;
  bool has_length = false;
  constexpr std::string_view kName = "content-length:";
  for (std::size_t line = head.find("\r\n"); line + 2 < head.size();
       line = head.find("\r\n", line + 2)) {
    const std::string_view field = head.substr(line + 2);
    if (field.size() > kName.size() && strncasecmp(field.data(), kName.data(), kName.size()) == 0) {
      const std::size_t digit = field.find_first_not_of(' ', kName.size());
      std::from_chars(field.data() + digit, field.data() + field.size(), length);
      has_length = true;
      break;
    }
  }
  if (!has_length)
    throw std::runtime_error("an answer without Content-Length: " + std::string(head));
  if (buffer.size() < end + 4 + length) return std::nullopt;
  return Answer{buffer.substr(9, 3), buffer.substr(end + 4, length), end + 4 + length};
}

struct Connection {
  int socket = -1;
  bool busy = false;
  std::size_t unsent = 0;  // where in `request`, while the kernel takes no more
  std::string request;
  std::vector<char> buffer = std::vector<char>(16384);
  std::size_t received = 0;
  Clock::time_point started;
};

double own_processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Generator {
 public:
  explicit Generator(const Options& options)
      : options_(options), template_(read_file(options.request)), epoll_(epoll_create1(0)) {
    if (!options.values.empty()) read_values();
    next_value_ = options.skip;
    connections_.resize(options.connections);
    for (std::size_t i = 0; i < connections_.size(); ++i) add_connection(i);
  }

  void run() {
    if (options_.warm_up > 0) {
      phase(options_.warm_up);
      latencies_.clear();
      body_bytes_ = 0;
    }
    const double processor = own_processor_seconds();
    const double seconds = phase(options_.seconds);
    report(seconds, own_processor_seconds() - processor);
  }

 private:
  void read_values() {
    text_ = read_file(options_.values);
    std::string_view rest = text_;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      if (end > 0) values_.push_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (values_.empty()) throw std::runtime_error("no values");
  }

  int connect_to_port() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return socket;
  }

  int connect_to_path() const {
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    options_.socket.copy(address.sun_path, sizeof address.sun_path - 1);
    connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return socket;
  }

  static void connect(int socket, const sockaddr* address, socklen_t size) {
    if (::connect(socket, address, size) != 0) {
      throw std::system_error(errno, std::generic_category(), "connect");
    }
  }

  void add_connection(std::size_t number) {
    const int socket = options_.socket.empty() ? connect_to_port() : connect_to_path();
    fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = number;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
    connections_[number].socket = socket;
    idle_.push_back(number);
  }

  bool values_left() const { return !options_.once || next_value_ < values_.size(); }

  // Sends and receives for a time, then waits for what is in flight. The seconds that it took until
  // the sending ended.
  double phase(double seconds) {
    start_ = Clock::now();
    scheduled_ = 0;
    const Clock::time_point end =
        start_ + std::chrono::duration_cast<Clock::duration>(Seconds(seconds));
    Clock::time_point now = start_;
    counting_ = true;
    while (now < end && values_left()) {
      send_due(now);
      receive(wait_until(end));
      now = Clock::now();
    }
    const double taken = Seconds(now - start_).count();
    // What a closed loop is answered after the end belongs to no measurement. What was due in an
    // open one does, and is still sent: the latest are those that waited most.
    counting_ = options_.rate > 0;
    const Clock::time_point patience = now + std::chrono::seconds(10);
    while (idle_.size() < connections_.size() || is_due_before(end)) {
      if (Clock::now() > patience) throw std::runtime_error("an answer is missing for 10 seconds");
      if (is_due_before(end)) send_due(std::min(Clock::now(), end));
      receive(patience);
    }
    return taken;
  }

  bool is_due_before(Clock::time_point end) const {
    return options_.rate > 0 && values_left() && due(scheduled_) < end;
  }

  Clock::time_point due(std::size_t request) const {
    return start_ + std::chrono::duration_cast<Clock::duration>(
                        Seconds(static_cast<double>(request) / options_.rate));
  }

  Clock::time_point wait_until(Clock::time_point end) const {
    if (options_.rate == 0 || idle_.empty()) return end;
    return std::min(end, due(scheduled_));
  }

  void send_due(Clock::time_point now) {
    while (!idle_.empty() && values_left()) {
      Clock::time_point started = now;
      if (options_.rate > 0) {
        started = due(scheduled_);
        if (started > now) return;
        ++scheduled_;
      }
      Connection& connection = connections_[idle_.back()];
      idle_.pop_back();
      std::string_view value;
      if (!values_.empty()) value = values_[next_value_++ % values_.size()];
      template_.fill(connection.request, value);
      connection.busy = true;
      connection.unsent = 0;
      connection.received = 0;
      connection.started = started;
      send(connection);
    }
  }

  static void send(Connection& connection) {
    while (connection.unsent < connection.request.size()) {
      const ssize_t sent = ::send(connection.socket, connection.request.data() + connection.unsent,
                                  connection.request.size() - connection.unsent, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EAGAIN) return;
        throw std::system_error(errno, std::generic_category(), "send");
      }
      connection.unsent += static_cast<std::size_t>(sent);
    }
  }

  void receive(Clock::time_point until) {
    const auto left =
        std::max(std::chrono::nanoseconds(0),
                 std::chrono::duration_cast<std::chrono::nanoseconds>(until - Clock::now()));
    timespec timeout{};
    timeout.tv_sec = left.count() / 1'000'000'000;
    timeout.tv_nsec = left.count() % 1'000'000'000;
    epoll_event events[256];
    const int count = epoll_pwait2(epoll_, events, 256, &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
      const std::size_t number = events[i].data.u64;
      Connection& connection = connections_[number];
      if (!connection.busy) {
        if ((events[i].events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0) closed();
        continue;
      }
      if (connection.unsent < connection.request.size()) send(connection);
      if ((events[i].events & EPOLLIN) != 0) read(number);
    }
  }

  [[noreturn]] static void closed() { throw std::runtime_error("the server closed a connection"); }

  void read(std::size_t number) {
    Connection& connection = connections_[number];
    while (true) {
      std::vector<char>& buffer = connection.buffer;
      if (connection.received == buffer.size()) buffer.resize(2 * buffer.size());
      const std::size_t room = buffer.size() - connection.received;
      const ssize_t got = recv(connection.socket, buffer.data() + connection.received, room, 0);
      if (got == 0) closed();
      if (got < 0) {
        if (errno == EAGAIN) return;
        throw std::system_error(errno, std::generic_category(), "recv");
      }
      connection.received += static_cast<std::size_t>(got);
      const std::optional<Answer> answer = answer_in({buffer.data(), connection.received});
      if (answer) {
        finish(number, *answer);
        return;
      }
      if (static_cast<std::size_t>(got) < room) return;
    }
  }

  void finish(std::size_t number, const Answer& answer) {
    Connection& connection = connections_[number];
    check(answer, connection.received);
    ++answered_;
    if (counting_) {
      latencies_.push_back(
          static_cast<float>(Microseconds(Clock::now() - connection.started).count()));
      body_bytes_ += answer.body.size();
    }
    connection.busy = false;
    idle_.push_back(number);
  }

  void check(const Answer& answer, std::size_t received) const {
    bool good = answer.status == options_.status && answer.size == received;
    if (!options_.expect.empty()) {
      std::size_t found = 0;
      for (std::size_t at = answer.body.find(options_.expect); at != std::string_view::npos;
           at = answer.body.find(options_.expect, at + options_.expect.size())) {
        if (++found == options_.times) break;
      }
      good = good && found == options_.times;
    }
    if (!good) {
      throw std::runtime_error("an answer is not as expected: " + std::string(answer.status) + " " +
                               std::string(answer.body.substr(0, 300)));
    }
  }

  void report(double seconds, double processor) {
    const std::size_t count = latencies_.size();
    if (count == 0) throw std::runtime_error("no answer in the time");
    std::sort(latencies_.begin(), latencies_.end());
    const auto at = [&](double share) {
      return static_cast<double>(
          latencies_[static_cast<std::size_t>(share * static_cast<double>(count - 1))]);
    };
    std::printf(
        "{\"requests\":%zu,\"seconds\":%.6f,\"rate\":%.2f,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f,"
        "\"used\":%zu,\"answered\":%zu,\"bytes\":%zu,\"cpu\":%.3f}\n",
        count, seconds, static_cast<double>(count) / seconds, at(0.5), at(0.99), at(1),
        next_value_ - options_.skip, answered_, body_bytes_ / count,
        processor * 1e6 / static_cast<double>(count));
  }

  const Options& options_;
  Template template_;
  int epoll_;
  std::string text_;
  std::vector<std::string_view> values_;
  std::size_t next_value_ = 0;
  std::vector<Connection> connections_;
  std::vector<std::size_t> idle_;
  Clock::time_point start_;
  std::size_t scheduled_ = 0;
  bool counting_ = false;
  std::vector<float> latencies_;
  std::size_t answered_ = 0;
  std::size_t body_bytes_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = read_options(argc, argv);
    Generator(options).run();
  } catch (const std::invalid_argument& error) {
    std::cerr << "http_load: " << error.what() << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "http_load: " << error.what() << "\n";
    return 1;
  }
}
