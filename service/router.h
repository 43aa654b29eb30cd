// From a framed request to the bytes of its answer, on cpp-httplib, without its sockets: each
// request runs through Server::process_request in memory, on a fiber. Its handler calls SQL as if
// that blocked; meanwhile the fiber stands aside, and the event loop serves others.
//
// cpp-httplib is handed the request line and no header: its own reading of them decodes percent
// escapes, unpacks bodies and runs regular expressions over Range. The handlers take headers,
// query and body from the frame, which was read strictly.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <boost/context/fiber.hpp>
#include <httplib.h>

#include "service/answer.h"
#include "service/endpoints.h"
#include "service/fiber_stacks.h"
#include "service/http_frame.h"
#include "serving/log.h"
#include "serving/request_id.h"
#include "service/sql_pool.h"

namespace openclaw::front {

// One request on its way. Whoever starts it keeps it, and the buffer that its frame looks at, until
// it is finished.
struct Exchange {
  RequestFrame frame;
  std::optional<FrameRefusal> refusal;  // instead of a frame
  bool close = false;                   // the connection ends with this answer
  std::function<void()> finished;       // called from the event loop, if start() was not the end

  // The answer.
  std::string output;
  int status = 0;
  std::string_view route = "-";  // for the log: a name of the endpoint table
  std::string request_id;

  // The router's own.
  bool answered = false;
  boost::context::fiber other;  // while it runs: the event loop; while it stands aside: itself
};

class Router : private httplib::Server {
 public:
  struct Settings {
    bool trust_client_certificate = false;  // the proxy before the front sets Client-Cert itself
    std::string base_path;                  // the path of the issuer, without a slash at its end
  };

  Router(SqlPool& sql, Log& log, Settings settings);

  // True when the answer is complete already; `finished` is not called then.
  bool start(Exchange& exchange);

 private:
  // Runs the exchange's fiber until it ends or stands aside.
  void resume(Exchange& exchange);
  void run(Exchange& exchange);
  SqlAnswer call(SqlCall& call);

  void add_routes();
  Answer respond(const Endpoint& endpoint, const Exchange& exchange);
  Answer respond_unrouted(std::string_view path) const;
  void finish(httplib::Response& response) const;

  SqlPool& sql_;
  Log& log_;
  const Settings settings_;
  FiberStacks stacks_;
  Exchange* current_ = nullptr;  // whose fiber runs
  RequestIds request_ids_;
};

// The arguments of the endpoint's SQL function, or why there are none.
struct ArgumentError {
  int status = 400;
  const char* description = "";
};
std::variant<SqlArguments, ArgumentError> read_arguments(const Endpoint& endpoint,
                                                         const RequestFrame& frame,
                                                         std::string_view request_id);

// Whether the endpoint asks for a transaction of its own for these arguments.
bool goes_alone(const Endpoint& endpoint, const SqlArguments& values);

}  // namespace openclaw::front
