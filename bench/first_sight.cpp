// What the gate's decision costs for a JWT that it has not seen.
//
//   first_sight AUDIENCE ISSUER USER < a JWKS in one line, then a JWT a line
//
// Prints the microseconds of processor time of one decision, over all JWTs, each judged once.
#include <ctime>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "core/jwks.h"
#include "gate/authenticator.h"

namespace {

using namespace openclaw;

double processor_microseconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: first_sight AUDIENCE ISSUER USER\n";
    return 2;
  }
  gate::Config config;
  config.mode = gate::Mode::platform;
  config.public_url = argv[1];
  config.issuer = argv[2];
  config.expected_user_id = argv[3];
  config.required_scopes = {"mcp:tools"};

  std::string jwks;
  std::getline(std::cin, jwks);
  Result<KeySet> keys = KeySet::parse(jwks);
  if (!keys) {
    std::cerr << "first_sight: not a JWKS\n";
    return 1;
  }
  std::vector<std::string> headers;
  for (std::string jwt; std::getline(std::cin, jwt);) headers.push_back("Bearer " + jwt);

  gate::Authenticator authenticator(config);
  authenticator.set_keys(std::make_shared<const KeySet>(std::move(*keys)));
  const std::int64_t now = std::time(nullptr);
  std::size_t allowed = 0;
  const double start = processor_microseconds();
  for (const std::string& header : headers) {
    gate::Credentials credentials;
    credentials.authorization = header;
    const gate::Decision decision = authenticator.decide(credentials, now);
    allowed += decision.verdict == gate::Verdict::allowed ? 1 : 0;
  }
  const double taken = processor_microseconds() - start;
  if (allowed != headers.size() || headers.empty()) {
    std::cerr << "first_sight: " << headers.size() - allowed << " of the JWTs were refused\n";
    return 1;
  }
  std::cout << taken / static_cast<double>(headers.size()) << "\n";
}
