#include "gate/cli_pin.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include "core/fingerprint.h"
#include "core/free_with.h"
#include "gate/http_url.h"
#include "gate/time_text.h"

namespace openclaw::gate {
namespace {

using Clock = std::chrono::steady_clock;

using AddressList = std::unique_ptr<addrinfo, FreeWith<freeaddrinfo>>;
using Context = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using Tls = std::unique_ptr<SSL, FreeWith<SSL_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES_free>>;
using Memory = std::unique_ptr<BIO, FreeWith<BIO_free>>;

class Socket {
 public:
  explicit Socket(const addrinfo& address)
      : descriptor_(socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// False when the deadline comes first.
bool wait_for(int descriptor, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd waiting{descriptor, events, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// Empty, or why not.
std::string connect_to(const Socket& peer, const addrinfo& address, Clock::time_point deadline) {
  const auto reason = [](int error) { return std::generic_category().message(error); };
  if (peer.get() < 0) return reason(errno);
  if (connect(peer.get(), address.ai_addr, address.ai_addrlen) == 0) return {};
  if (errno != EINPROGRESS) return reason(errno);
  if (!wait_for(peer.get(), POLLOUT, deadline)) return "no answer in time";
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(peer.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? std::string() : reason(error);
}

// Empty, or why not.
std::string shake_hands(SSL* tls, int descriptor, Clock::time_point deadline) {
  for (;;) {
    ERR_clear_error();
    const int result = SSL_connect(tls);
    if (result == 1) return {};
    switch (SSL_get_error(tls, result)) {
      case SSL_ERROR_WANT_READ:
        if (!wait_for(descriptor, POLLIN, deadline)) return "no TLS answer in time";
        break;
      case SSL_ERROR_WANT_WRITE:
        if (!wait_for(descriptor, POLLOUT, deadline)) return "no TLS answer in time";
        break;
      default:
        ERR_clear_error();
        return "what listens there does not speak TLS, or refuses ours";
    }
  }
}

std::variant<Bytes, std::string> certificate_of(SSL* tls) {
  // A server that wants a client certificate has shown its own before it refuses ours.
  const Certificate certificate(SSL_get1_peer_certificate(tls));
  if (!certificate) return "the server shows no certificate";
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate.get(), &der);
  if (size <= 0) return "the server's certificate cannot be read";
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

std::variant<Bytes, std::string> ask(const Socket& peer, const std::string& host,
                                     Clock::time_point deadline) {
  const Context context(SSL_CTX_new(TLS_client_method()));
  if (!context) return "TLS cannot be set up";
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  const Tls tls(SSL_new(context.get()));
  if (!tls || SSL_set_fd(tls.get(), peer.get()) != 1) return "TLS cannot be set up";
  // A literal address is no server name (RFC 6066 3).
  if (!is_ip_address(host)) {
    SSL_ctrl(tls.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(host.c_str()));  // copied, not changed
  }
  const std::string why = shake_hands(tls.get(), peer.get(), deadline);
  std::variant<Bytes, std::string> certificate = certificate_of(tls.get());
  if (!why.empty() && certificate.index() == 1) return why;
  return certificate;
}

AddressList resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  return AddressList(failed == 0 ? found : nullptr);
}

// --- what a certificate says --------------------------------------------------------------------

std::string subject_of(const X509* certificate) {
  const Memory memory(BIO_new(BIO_s_mem()));
  if (!memory) return {};
  X509_NAME_print_ex(memory.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return printable({text, static_cast<std::size_t>(std::max(size, 0L))});
}

std::string_view text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string address_of(const ASN1_STRING* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int size = ASN1_STRING_length(address);
  if (size != 4 && size != 16) return "(not an address)";
  inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text.data(),
            static_cast<socklen_t>(text.size()));
  return text.data();
}

Json names_of(const X509* certificate) {
  Json names = Json::array();
  const Names found(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; found && i < sk_GENERAL_NAME_num(found.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(found.get(), i);
    switch (name->type) {
      case GEN_DNS:
        names.push_back("DNS:" + printable(text_of(name->d.dNSName)));
        break;
      case GEN_URI:
        names.push_back("URI:" + printable(text_of(name->d.uniformResourceIdentifier)));
        break;
      case GEN_IPADD:
        names.push_back("IP:" + address_of(name->d.iPAddress));
        break;
      default:
        names.push_back("(another kind of name)");
    }
  }
  return names;
}

std::optional<std::int64_t> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return std::int64_t{timegm(&parts)};
}

std::string joined(const Json& names) {
  std::string text;
  for (const Json& name : names) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text.empty() ? "none" : text;
}

void print(const Console& console, const std::string& where, const Json& seen, std::int64_t now) {
  if (console.json) {
    console.out << to_line(seen);
    return;
  }
  const auto expires = parse_timestamp(seen["not_after"].get<std::string>());
  console.out << seen["fingerprint"].get<std::string>() << '\n';
  console.err
      << "subject: " << seen["subject"].get<std::string>() << "\nnames:   " << joined(seen["names"])
      << "\nexpires: " << describe_time(expires.value_or(0), now)
      << (seen["expired"] == true ? ": EXPIRED" : "") << "\n\n"
      << "This is what " << where << " shows from here; its certificate was not verified.\n"
      << "Compare the fingerprint with what the server's owner sees before you register it.\n";
}

}  // namespace

std::variant<Bytes, std::string> fetch_certificate(const std::string& host, std::uint16_t port,
                                                   std::chrono::milliseconds at_most) {
  const Clock::time_point deadline = Clock::now() + at_most;
  const AddressList addresses = resolve(host, port);
  if (!addresses) return "the name cannot be resolved";
  std::string why;
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    const Socket peer(*address);
    why = connect_to(peer, *address, deadline);
    if (why.empty()) return ask(peer, host, deadline);
  }
  return why;
}

std::optional<Json> describe_certificate(const Bytes& der, std::int64_t now) {
  const unsigned char* start = der.data();
  const Certificate certificate(d2i_X509(nullptr, &start, static_cast<long>(der.size())));
  ERR_clear_error();
  const Result<Digest> spki = spki_sha256(der);
  if (!certificate || !spki) return std::nullopt;
  const auto from = time_of(X509_get0_notBefore(certificate.get()));
  const auto to = time_of(X509_get0_notAfter(certificate.get()));
  if (!from || !to) return std::nullopt;
  return Json{{"fingerprint", format_fingerprint(*spki)},
              {"subject", subject_of(certificate.get())},
              {"names", names_of(certificate.get())},
              {"not_before", format_timestamp(*from)},
              {"not_after", format_timestamp(*to)},
              {"expired", *to <= now},
              {"verified", false}};
}

int pin(const Console& console, const std::string& text, std::int64_t now) {
  using namespace std::chrono_literals;
  const std::optional<HttpUrl> url = parse_http_url(text);
  if (!url || !url->tls) return fail(console, kMisused, "give an address as https://HOST[:PORT]");
  const auto certificate = fetch_certificate(url->host, url->port, 10s);
  if (const auto* why = std::get_if<1>(&certificate)) {
    return fail(console, kUnreachable, origin(*url) + ": " + *why);
  }
  const std::optional<Json> seen = describe_certificate(std::get<Bytes>(certificate), now);
  if (!seen) return fail(console, kUnreachable, origin(*url) + ": its certificate cannot be read");
  print(console, origin(*url), *seen, now);
  return kDone;
}

}  // namespace openclaw::gate
