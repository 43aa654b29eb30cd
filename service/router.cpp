#include "service/router.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "service/form.h"

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

// process_request as cpp-httplib 0.11 has it, and as 0.18 has it: the compiler picks by its type.
template <class Server>
void process(bool (Server::*function)(httplib::Stream&, bool, bool&, const SetUp&), Server& server,
             httplib::Stream& stream) {
  bool closed = false;
  (server.*function)(stream, false, closed, SetUp());
}
template <class Server>
void process(bool (Server::*function)(httplib::Stream&, const std::string&, int, const std::string&,
                                      int, bool, bool&, const SetUp&),
             Server& server, httplib::Stream& stream) {
  bool closed = false;
  (server.*function)(stream, std::string(), 0, std::string(), 0, false, closed, SetUp());
}

// With the endpoint's own path instead of the client's: cpp-httplib matches paths by std::regex,
// which recurses for each character, on a fiber's small stack.
std::string request_line(const Exchange& exchange) {
  std::string line = "GET /";
  if (!exchange.refusal) {
    const Endpoint* endpoint = find_endpoint(exchange.frame.path);
    line.assign(exchange.frame.method).append(" ").append(endpoint ? endpoint->path : "/");
  }
  // With a length, so that no method makes cpp-httplib wait for a body.
  return line + " HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
}

std::string pattern(std::string_view path) {
  std::string out;
  for (char c : path) {
    if (c == '.') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

void put(httplib::Response& response, Answer answer) {
  response.status = answer.status;
  for (const auto& [name, value] : answer.headers) response.set_header(name, value);
  const bool bodiless = answer.status == 204 || answer.status == 304;
  if (!bodiless) response.body = std::move(answer.body);
}

}  // namespace

std::variant<SqlArguments, ArgumentError> read_arguments(const Endpoint& endpoint,
                                                         const RequestFrame& frame,
                                                         std::string_view request_id) {
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
  const auto parsed = Form::parse(form ? frame.body : frame.query);
  if (const auto* error = std::get_if<FormError>(&parsed)) {
    return ArgumentError{400, error->description};
  }
  const Form& parameters = std::get<Form>(parsed);

  SqlArguments values;
  const auto add_field = [&](std::optional<std::string_view> field) {
    if (field && !is_sql_text(*field)) return false;
    values.emplace_back(field);
    return true;
  };
  for (const Argument& argument : arguments(endpoint)) {
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
    : sql_(sql), log_(log), settings_(std::move(settings)) {
  add_routes();
}

void Router::add_routes() {
  // Refused by the framer: it comes through here so that every answer is written by one hand.
  set_pre_routing_handler([this](const httplib::Request&, httplib::Response& response) {
    if (!current_->refusal) return HandlerResponse::Unhandled;
    current_->answered = true;
    const FrameRefusal& refusal = *current_->refusal;
    put(response, refusal.status == 503 ? unavailable_answer()
                                        : error_answer(refusal.status, refusal.description));
    return HandlerResponse::Handled;
  });
  for (const Endpoint& endpoint : endpoints()) {
    const auto handler = [this, &endpoint](const httplib::Request&, httplib::Response& response) {
      // SQL may let other requests run: `current_` is only this one until then.
      Exchange& exchange = *current_;
      exchange.route = endpoint.name;
      exchange.answered = true;
      put(response, respond(endpoint, exchange));
    };
    if (endpoint.path.empty()) continue;
    if (endpoint.get) Get(pattern(endpoint.path), handler);
    if (endpoint.post) Post(pattern(endpoint.path), handler);
  }
  const HandlerWithResponse unrouted = [this](const httplib::Request&,
                                              httplib::Response& response) {
    if (current_->answered) return HandlerResponse::Unhandled;
    put(response, respond_unrouted(current_->frame.path));
    return HandlerResponse::Handled;
  };
  set_error_handler(unrouted);
  set_exception_handler(
      [this](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
        log_.write(LogLevel::error, "exception", {{"request_id", current_->request_id}});
        response = httplib::Response();
        put(response, error_answer(500, "The service failed."));
      });
  set_post_routing_handler(
      [this](const httplib::Request&, httplib::Response& response) { finish(response); });
}

Answer Router::respond(const Endpoint& endpoint, const Exchange& exchange) {
  if (endpoint.function.empty()) {
    Answer alive;
    alive.status = 200;
    alive.headers.emplace_back("Content-Type", "application/json");
    alive.body = R"({"status":"ok"})";
    return alive;
  }
  auto values = read_arguments(endpoint, exchange.frame, exchange.request_id);
  if (const auto* error = std::get_if<ArgumentError>(&values)) {
    return error_answer(error->status, error->description);
  }
  SqlCall sql_call;
  sql_call.endpoint = &endpoint;
  sql_call.arguments = std::move(std::get<SqlArguments>(values));
  sql_call.alone = goes_alone(endpoint, sql_call.arguments);
  SqlAnswer row = call(sql_call);
  if (row.outcome == SqlAnswer::Outcome::unavailable) return unavailable_answer();
  if (row.outcome == SqlAnswer::Outcome::row) {
    const std::string source = std::move(row.source);
    if (auto answer = relayed_answer(std::move(row))) {
      if (!source.empty()) answer->headers.emplace_back("OpenClaw-Source", source);
      return std::move(*answer);
    }
    log_.write(LogLevel::error, "sql_headers_invalid", {{"route", endpoint.name}});
  }
  return error_answer(500, "The service failed.");
}

Answer Router::respond_unrouted(std::string_view path) const {
  const Endpoint* endpoint = find_endpoint(path);
  if (endpoint == nullptr) return error_answer(404, "There is nothing at this path.");
  current_->route = endpoint->name;
  Answer answer = error_answer(405, "The method is not allowed at this path.");
  answer.headers.emplace_back("Allow", allowed_methods(*endpoint));
  return answer;
}

// The last hand on every answer, before it is written.
void Router::finish(httplib::Response& response) const {
  response.headers.erase("Keep-Alive");
  response.headers.erase("Accept-Ranges");
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
    exchange.other = boost::context::fiber(std::allocator_arg, FiberStacks::Allocator(stacks_),
                                           [this, &exchange](boost::context::fiber&& loop) {
                                             exchange.other = std::move(loop);
                                             run(exchange);
                                             return std::move(exchange.other);
                                           });
  } catch (const std::bad_alloc&) {  // no memory for a stack
    exchange.close = true;
    return true;
  }
  resume(exchange);
  return !exchange.other;
}

void Router::resume(Exchange& exchange) {
  current_ = &exchange;
  boost::context::fiber fiber = std::move(exchange.other).resume();
  exchange.other = std::move(fiber);  // empty when it has ended
  current_ = nullptr;
}

void Router::run(Exchange& exchange) {
  try {
    const std::string input = request_line(exchange);
    MemoryStream stream(input, exchange.output);
    process(&Router::process_request, static_cast<httplib::Server&>(*this), stream);
  } catch (const std::exception&) {
    // Out of memory, most likely: nothing was written, so the connection ends without an answer.
    log_.write(LogLevel::error, "exception", {{"request_id", exchange.request_id}});
    exchange.output.clear();
    exchange.close = true;
  }
}

SqlAnswer Router::call(SqlCall& call) {
  Exchange& exchange = *current_;
  SqlAnswer answer;
  call.done = [this, &exchange, &answer](SqlAnswer row) {
    answer = std::move(row);
    resume(exchange);
    if (!exchange.other) {
      const auto finished = std::move(exchange.finished);
      finished();
    }
  };
  if (!sql_.submit(call)) return {};
  boost::context::fiber loop = std::move(exchange.other).resume();
  exchange.other = std::move(loop);
  return answer;
}

}  // namespace openclaw::front
