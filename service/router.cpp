#include "service/router.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

namespace openclaw::front {
namespace {

// A request in memory; what cpp-httplib writes is collected.
class MemoryStream final : public httplib::Stream {
 public:
  MemoryStream(std::string_view input, std::string& output) : input_(input), output_(output) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, std::size_t size) override {
    const std::size_t count = std::min(size, input_.size());
    std::memcpy(to, input_.data(), count);
    input_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* from, std::size_t size) override {
    output_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

 private:
  std::string_view input_;
  std::string& output_;
};

using SetUp = std::function<void(httplib::Request&)>;

// Spares it the making of a Keep-Alive field; finish() says what becomes of the connection.
constexpr bool kClose = true;

// process_request as cpp-httplib 0.11 has it, and as 0.18 has it: the compiler picks by its type.
template <class Server>
void process(bool (Server::*function)(httplib::Stream&, bool, bool&, const SetUp&), Server& server,
             httplib::Stream& stream) {
  bool closed = false;
  (server.*function)(stream, kClose, closed, SetUp());
}
template <class Server>
void process(bool (Server::*function)(httplib::Stream&, const std::string&, int, const std::string&,
                                      int, bool, bool&, const SetUp&),
             Server& server, httplib::Stream& stream) {
  bool closed = false;
  (server.*function)(stream, std::string(), 0, std::string(), 0, kClose, closed, SetUp());
}

AnswerForm form_of(const Exchange& exchange) {
  return {exchange.frame.method == "HEAD", exchange.close, exchange.frame.http_1_0};
}

}  // namespace

std::variant<SqlArguments, ArgumentError> read_arguments(const Endpoint& endpoint,
                                                         const RequestFrame& frame,
                                                         std::string_view request_id,
                                                         Form& parameters) {
  const bool form = takes(endpoint, Source::form);
  const bool json = takes(endpoint, Source::body);
  if ((form || json) && frame.content_encoding) {
    return ArgumentError{415, "The body comes without Content-Encoding."};
  }
  if (json && !is_json_type(frame.content_type.value_or(""))) {
    return ArgumentError{415, "The body must be application/json."};
  }
  if (form && (frame.content_type || !frame.body.empty()) &&
      !is_form_type(frame.content_type.value_or(""))) {
    return ArgumentError{415, "The body must be application/x-www-form-urlencoded."};
  }
  auto parsed = Form::parse(form ? frame.body : frame.query);
  if (const auto* error = std::get_if<FormError>(&parsed)) {
    return ArgumentError{400, error->description};
  }
  parameters = std::move(std::get<Form>(parsed));

  const auto all = arguments(endpoint);
  SqlArguments values;
  values.reserve(all.size());
  const auto add_field = [&](std::optional<std::string_view> field) {
    if (field && !is_sql_text(*field)) return false;
    values.push_back(field);
    return true;
  };
  for (const Argument& argument : all) {
    bool text = true;
    switch (argument.source) {
      case Source::authorization:
        text = add_field(frame.authorization);
        break;
      case Source::client_certificate:
        text = add_field(frame.client_certificate);
        break;
      case Source::body:
        text = add_field(frame.body);
        break;
      case Source::path:
        values.emplace_back(frame.path.substr(endpoint.path.size()));
        break;
      case Source::if_none_match:
        text = add_field(frame.if_none_match);
        break;
      case Source::request_id:
        values.emplace_back(request_id);
        break;
      case Source::form:
      case Source::query:
        values.push_back(parameters.value(argument.name));
        break;
      case Source::front:
      case Source::none:
        break;
    }
    if (!text) return ArgumentError{400, "A header field or the body is not UTF-8 text."};
  }
  return values;
}

bool goes_alone(const Endpoint& endpoint, const SqlArguments& values) {
  const auto all = arguments(endpoint);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool named = std::find(endpoint.alone_with.begin(), endpoint.alone_with.end(),
                                 all[i].name) != endpoint.alone_with.end();
    if (named && !all[i].name.empty() && values[i]) return true;
  }
  return false;
}

Router::Router(SqlPool& sql, Log& log, Settings settings)
    : sql_(sql),
      log_(log),
      settings_(std::move(settings)),
      heads_(endpoints().size()),
      fresh_rows_(endpoints().size()) {
  set_pre_routing_handler([this](const httplib::Request&, httplib::Response& response) {
    put(response);
    return HandlerResponse::Handled;
  });
  set_post_routing_handler(
      [this](const httplib::Request&, httplib::Response& response) { finish(response); });
}

bool Router::start(Exchange& exchange) {
  exchange.request_id = request_ids_.next(exchange.frame.request_id);
  // What a client sends by itself must never pass for what the proxy saw.
  if (!settings_.trust_client_certificate) exchange.frame.client_certificate.reset();
  std::string_view& path = exchange.frame.path;
  if (!settings_.base_path.empty() && path.starts_with(settings_.base_path) &&
      path.substr(settings_.base_path.size()).starts_with('/')) {
    path.remove_prefix(settings_.base_path.size());
  }
  try {
    if (auto answer = respond(exchange)) {
      write(exchange, std::move(*answer));
    } else if (!answer_again(exchange)) {
      if (sql_.submit(exchange.call)) return false;
      write(exchange, unavailable_answer());
    }
  } catch (const std::exception&) {
    fail(exchange);
  }
  return true;
}

std::optional<Answer> Router::respond(Exchange& exchange) {
  if (exchange.refusal) {
    const FrameRefusal& refusal = *exchange.refusal;
    return refusal.status == 503 ? unavailable_answer()
                                 : error_answer(refusal.status, refusal.description);
  }
  const Endpoint* endpoint = find_endpoint(exchange.frame.path);
  if (endpoint == nullptr) return error_answer(404, "There is nothing at this path.");
  exchange.endpoint = endpoint;
  if (!allows(*endpoint, exchange.frame.method)) {
    Answer answer = error_answer(405, "The method is not allowed at this path.");
    answer.headers.emplace_back("Allow", allowed_methods(*endpoint));
    return answer;
  }
  if (endpoint->function.empty()) {
    Answer alive;
    alive.status = 200;
    alive.headers.emplace_back("Content-Type", "application/json");
    alive.body = R"({"status":"ok"})";
    return alive;
  }
  return prepare(*endpoint, exchange);
}

std::optional<Answer> Router::prepare(const Endpoint& endpoint, Exchange& exchange) {
  auto values = read_arguments(endpoint, exchange.frame, exchange.request_id, exchange.parameters);
  if (const auto* error = std::get_if<ArgumentError>(&values)) {
    return error_answer(error->status, error->description);
  }
  SqlCall& call = exchange.call;
  call.endpoint = &endpoint;
  call.arguments = std::move(std::get<SqlArguments>(values));
  call.alone = goes_alone(endpoint, call.arguments);
  call.done = [this, &exchange](const SqlAnswer& row) { answered(exchange, row); };
  return std::nullopt;
}

bool Router::answer_again(Exchange& exchange) {
  const Endpoint& endpoint = *exchange.call.endpoint;
  if (endpoint.fresh_for.count() == 0) return false;
  exchange.asked = std::chrono::steady_clock::now();
  const auto& fresh = fresh_rows_[index_of(endpoint)];
  if (!fresh || fresh->until <= exchange.asked ||
      !std::equal(fresh->arguments.begin(), fresh->arguments.end(), exchange.call.arguments.begin(),
                  exchange.call.arguments.end())) {
    return false;
  }
  write_row(exchange, fresh->row.answer());
  return true;
}

void Router::answered(Exchange& exchange, const SqlAnswer& row) {
  try {
    write_row(exchange, row);
    keep_row(exchange, row);
  } catch (const std::exception&) {
    fail(exchange);
  }
  const auto finished = std::move(exchange.finished);
  finished();
}

void Router::write_row(Exchange& exchange, const SqlAnswer& row) {
  if (write_as_before(exchange, row)) return;
  if (row.outcome == SqlAnswer::Outcome::unavailable) return write(exchange, unavailable_answer());
  if (row.outcome == SqlAnswer::Outcome::row) {
    if (auto relayed = relayed_answer(row)) {
      if (!row.source.empty()) relayed->headers.emplace_back("OpenClaw-Source", row.source);
      write(exchange, std::move(*relayed));
      return keep_head(exchange, row);
    }
    log_.write(LogLevel::error, "sql_headers_invalid", {{"route", exchange.route()}});
  }
  write(exchange, error_answer(500, "The service failed."));
}

// Out of memory, most likely: the connection ends without an answer.
void Router::fail(Exchange& exchange) {
  log_.write(LogLevel::error, "exception", {{"request_id", exchange.request_id}});
  exchange.output = {};
  exchange.close = true;
}

bool Router::write_as_before(Exchange& exchange, const SqlAnswer& row) {
  const KnownHead& known = heads_[index_of(*exchange.call.endpoint)];
  const AnswerForm form = form_of(exchange);
  if (!known.written || row.outcome != SqlAnswer::Outcome::row || !row.body || row.body->empty() ||
      row.status != known.status || row.headers != known.headers || row.source != known.source ||
      form != known.form) {
    return false;
  }
  exchange.output = std::exchange(spare_, {});
  known.written->append_to(exchange.output, row.body->size(), exchange.request_id);
  if (!form.head) exchange.output.append(*row.body);
  exchange.status = row.status;
  return true;
}

void Router::keep_head(const Exchange& exchange, const SqlAnswer& row) {
  if (!row.body || row.body->empty()) return;
  heads_[index_of(*exchange.call.endpoint)] = {WrittenHead::of(exchange.output), form_of(exchange),
                                               row.status, std::string(row.headers),
                                               std::string(row.source)};
}

// Not a standby's, which is as old as its OpenClaw-Source says, nor one that nobody may keep.
void Router::keep_row(const Exchange& exchange, const SqlAnswer& row) {
  const Endpoint& endpoint = *exchange.call.endpoint;
  if (endpoint.fresh_for.count() == 0 || row.outcome != SqlAnswer::Outcome::row ||
      !row.source.empty() || row.headers.find("Cache-Control: public") == row.headers.npos) {
    return;
  }
  const SqlArguments& given = exchange.call.arguments;
  fresh_rows_[index_of(endpoint)] = {
      {given.begin(), given.end()}, KeptAnswer(row), exchange.asked + endpoint.fresh_for};
}

void Router::write(Exchange& exchange, Answer answer) {
  exchange.output = std::exchange(spare_, {});
  current_ = &exchange;
  answer_ = std::move(answer);
  MemoryStream stream(
      exchange.frame.method == "HEAD" ? "HEAD / HTTP/1.1\r\n\r\n" : "GET / HTTP/1.1\r\n\r\n",
      exchange.output);
  process(&Router::process_request, static_cast<httplib::Server&>(*this), stream);
}

void Router::reuse(std::string output) {
  output.clear();
  if (output.capacity() > spare_.capacity()) spare_.swap(output);
}

void Router::put(httplib::Response& response) {
  response.status = answer_.status;
  for (const auto& [name, value] : answer_.headers) {
    response.headers.emplace(name, value);
  }
  const bool bodiless = answer_.status == 204 || answer_.status == 304;
  if (!bodiless) response.body = std::move(answer_.body);
}

// The last hand on every answer, before it is written.
void Router::finish(httplib::Response& response) const {
  response.headers.erase("Accept-Ranges");
  response.headers.erase("Connection");
  if (response.status == 204 || response.status == 304) response.headers.erase("Content-Length");
  if (!response.has_header("Cache-Control")) response.set_header("Cache-Control", "no-store");
  response.set_header("X-Content-Type-Options", "nosniff");
  response.set_header("X-Request-Id", current_->request_id);
  // Only now is it known: a drain may have begun while Postgres was asked.
  if (current_->close) {
    response.set_header("Connection", "close");
  } else if (current_->frame.http_1_0) {
    response.set_header("Connection", "keep-alive");
  }
  current_->status = response.status;
}

}  // namespace openclaw::front
