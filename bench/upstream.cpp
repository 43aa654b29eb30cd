// The upstream of the gate's rows: the same answer to every request, for less than what is measured
// costs.
//
//   upstream ANSWER
//
// Prints its port. One thread, keep-alive, requests with a Content-Length or without a body.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <system_error>

namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int listen_on_any_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(socket, reinterpret_cast<const sockaddr*>(&address), size) != 0) fail("bind");
  if (listen(socket, 16384) != 0) fail("listen");
  getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  std::cout << ntohs(address.sin_port) << std::endl;
  return socket;
}

// How long the first request in the buffer is, or 0 while it is not whole.
std::size_t request_in(std::string_view buffer) {
  const std::size_t end = buffer.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  const std::string_view head = buffer.substr(0, end + 2);
  constexpr std::string_view kName = "content-length:";
  std::size_t length = 0;
  for (std::size_t line = head.find("\r\n"); line + 2 < head.size();
       line = head.find("\r\n", line + 2)) {
    const std::string_view field = head.substr(line + 2);
    if (field.size() > kName.size() && strncasecmp(field.data(), kName.data(), kName.size()) == 0) {
      const std::size_t digit = field.find_first_not_of(' ', kName.size());
      std::from_chars(field.data() + digit, field.data() + field.size(), length);
      break;
    }
  }
  const std::size_t size = end + 4 + length;
  return buffer.size() < size ? 0 : size;
}

// False when the client is gone.
bool serve(int socket, std::string& unread, std::string_view answer) {
  char buffer[16384];
  const ssize_t got = recv(socket, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  std::string_view read(buffer, static_cast<std::size_t>(got));
  if (!unread.empty()) read = unread.append(read);
  std::size_t done = 0;
  while (const std::size_t size = request_in(read.substr(done))) {
    // Its answers are short and its clients wait for each: the kernel always has room for one.
    if (send(socket, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return false;
    done += size;
  }
  unread = std::string(read.substr(done));
  return true;
}

[[noreturn]] void serve_forever(int listener, std::string_view answer) {
  const int epoll = epoll_create1(0);
  const auto watch = [epoll](int socket) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = socket;
    epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
  };
  watch(listener);
  std::map<int, std::string> unread;
  while (true) {
    epoll_event events[256];
    const int count = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < count; ++i) {
      const int socket = events[i].data.fd;
      if (socket == listener) {
        const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) continue;
        const int on = 1;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(client);
      } else if (!serve(socket, unread[socket], answer)) {
        close(socket);
        unread.erase(socket);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: upstream ANSWER\n";
    return 2;
  }
  try {
    const std::string body = argv[1];
    serve_forever(listen_on_any_port(),
                  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                      std::to_string(body.size()) + "\r\n\r\n" + body);
  } catch (const std::exception& error) {
    std::cerr << "upstream: " << error.what() << "\n";
    return 1;
  }
}
