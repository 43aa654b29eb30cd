// The peer of the front's rows: what is written first when such a service is needed. cpp-httplib
// with a thread for each connection, libpq with a connection for each thread, one prepared
// statement for each request, committed by itself. It authenticates nobody, decides nothing and
// keeps no audit.
//
//   naive_front THREADS
//
// Prints its port. POST /introspect (token=...) looks a token up by its hash, POST /issue inserts
// one.
#include <httplib.h>
#include <libpq-fe.h>
#include <sodium.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

struct Clear {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Rows = std::unique_ptr<PGresult, Clear>;
using Hash = std::array<unsigned char, crypto_hash_sha256_BYTES>;

constexpr char kLookUp[] =
    "select user_id, array_to_string(scopes, ' '), extract(epoch from expires_at)::bigint"
    " from openclaw.api_tokens where token_hash = $1 and revoked_at is null and expires_at > now()";
constexpr char kInsert[] =
    "insert into openclaw.api_tokens (id, user_id, token_hash, scopes, expires_at, issued_for)"
    " values ($1, $2, $3, '{mcp:tools,data:read}', now() + interval '90 days', 'user_direct')";

class Database {
 public:
  Database() : connection_(PQconnectdb("")) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) fail();
    Rows(PQprepare(connection_.get(), "look up", kLookUp, 1, nullptr));
    Rows(PQprepare(connection_.get(), "insert", kInsert, 3, nullptr));
  }

  Rows look_up(const Hash& hash) {
    const char* const values[] = {bytes(hash)};
    const int lengths[] = {static_cast<int>(hash.size())};
    const int binary[] = {1};
    return checked(PQexecPrepared(connection_.get(), "look up", 1, values, lengths, binary, 0));
  }

  void insert(const std::string& id, const std::string& user, const Hash& hash) {
    const char* const values[] = {id.c_str(), user.c_str(), bytes(hash)};
    const int lengths[] = {0, 0, static_cast<int>(hash.size())};
    const int formats[] = {0, 0, 1};
    checked(PQexecPrepared(connection_.get(), "insert", 3, values, lengths, formats, 0));
  }

 private:
  static const char* bytes(const Hash& hash) { return reinterpret_cast<const char*>(hash.data()); }

  [[noreturn]] void fail() { throw std::runtime_error(PQerrorMessage(connection_.get())); }

  Rows checked(PGresult* result) {
    Rows rows(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) fail();
    return rows;
  }

  std::unique_ptr<PGconn, Clear> connection_;
};

Database& database() {
  thread_local Database mine;
  return mine;
}

Hash hash_of(const std::string& text) {
  Hash hash;
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return hash;
}

std::string random_text() {
  std::array<unsigned char, 32> random;
  randombytes_buf(random.data(), random.size());
  std::array<char, sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_URLSAFE_NO_PADDING)> text;
  sodium_bin2base64(text.data(), text.size(), random.data(), random.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  return text.data();
}

void introspect(const httplib::Request& request, httplib::Response& response) {
  const Rows rows = database().look_up(hash_of(request.get_param_value("token")));
  std::string body = R"({"active":false})";
  if (PQntuples(rows.get()) == 1) {
    body = std::string(R"({"active":true,"sub":")") + PQgetvalue(rows.get(), 0, 0) +
           R"(","scope":")" + PQgetvalue(rows.get(), 0, 1) + R"(","exp":)" +
           PQgetvalue(rows.get(), 0, 2) + "}";
  }
  response.set_content(body, "application/json");
}

void issue(const httplib::Request& request, httplib::Response& response) {
  const std::string token = "tok_" + random_text();
  database().insert(random_text(), request.get_param_value("user_id"), hash_of(token));
  response.set_content(R"({"token":")" + token + R"("})", "application/json");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || sodium_init() < 0) {
    std::cerr << "usage: naive_front THREADS\n";
    return 2;
  }
  const std::size_t threads = std::stoul(argv[1]);
  httplib::Server server;
  server.new_task_queue = [threads] { return new httplib::ThreadPool(threads); };
  server.set_keep_alive_max_count(1'000'000'000);
  server.set_keep_alive_timeout(600);
  server.set_tcp_nodelay(true);
  server.Post("/introspect", introspect);
  server.Post("/issue", issue);
  const int port = server.bind_to_any_port("127.0.0.1");
  std::cout << port << std::endl;
  server.listen_after_bind();
}
