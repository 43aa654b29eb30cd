// From a framed request to the bytes of its answer: the endpoint's SQL function is asked, or not,
// and cpp-httplib writes what is to be answered, without its sockets: Server::process_request runs
// in memory, and its first handler has the answer already.
//
// cpp-httplib is handed a constant request line and no header: its own reading of them matches
// paths by std::regex, decodes percent escapes and unpacks bodies. Path, headers, query and body
// come from the frame, which was read strictly.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <httplib.h>

#include "service/answer.h"
#include "service/endpoints.h"
#include "service/form.h"
#include "service/http_frame.h"
#include "serving/log.h"
#include "serving/request_id.h"
#include "service/sql_pool.h"
#include "service/written_head.h"

namespace openclaw::front {

// One request on its way. Whoever starts it keeps it, and the buffer that its frame looks at, until
// it is finished.
struct Exchange {
  RequestFrame frame;
  std::optional<FrameRefusal> refusal;  // instead of a frame
  bool close = false;                   // the connection ends with this answer
  std::function<void()> finished;       // called from the event loop, if start() was not the end

  // The answer.
  std::string output;  // empty: there is none
  int status = 0;
  const Endpoint* endpoint = nullptr;  // whose path it is; null: nobody's
  std::string request_id;
  // For the log.
  std::string_view route() const { return endpoint == nullptr ? "-" : endpoint->name; }

  // The router's own.
  Form parameters;
  SqlCall call;
  std::chrono::steady_clock::time_point asked{};
};

// What an answer's head depends on beside the SQL row and the request's id.
struct AnswerForm {
  bool head = false;
  bool close = false;
  bool http_1_0 = false;

  bool operator==(const AnswerForm&) const = default;
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

  // Memory of an answer that is sent, for another one.
  void reuse(std::string output);

 private:
  // What needs no SQL; otherwise nothing, and the call of SQL is prepared.
  std::optional<Answer> respond(Exchange& exchange);
  std::optional<Answer> prepare(const Endpoint& endpoint, Exchange& exchange);
  // False where SQL must be asked.
  bool answer_again(Exchange& exchange);
  void answered(Exchange& exchange, const SqlAnswer& row);
  void write_row(Exchange& exchange, const SqlAnswer& row);
  void write(Exchange& exchange, Answer answer);
  // Under the head of the endpoint's last answer; false where this one's differs.
  bool write_as_before(Exchange& exchange, const SqlAnswer& row);
  void keep_head(const Exchange& exchange, const SqlAnswer& row);
  void keep_row(const Exchange& exchange, const SqlAnswer& row);
  void fail(Exchange& exchange);
  void put(httplib::Response& response);
  void finish(httplib::Response& response) const;

  SqlPool& sql_;
  Log& log_;
  const Settings settings_;
  RequestIds request_ids_;
  struct KnownHead {
    std::optional<WrittenHead> written;
    AnswerForm form;
    int status = 0;
    std::string headers, source;
  };
  std::vector<KnownHead> heads_;  // the last one of each of endpoints()
  struct FreshRow {
    std::vector<std::optional<std::string>> arguments;
    KeptAnswer row;
    std::chrono::steady_clock::time_point until;
  };
  std::vector<std::optional<FreshRow>> fresh_rows_;  // the last one of each of endpoints()
  std::string spare_;                                // the largest that was given back
  Exchange* current_ = nullptr;                      // whose answer is being written
  Answer answer_;                                    // to it
};

// The arguments of the endpoint's SQL function, or why there are none. They look into the frame and
// into its parameters, which are put where the caller says.
struct ArgumentError {
  int status = 400;
  const char* description = "";
};
std::variant<SqlArguments, ArgumentError> read_arguments(const Endpoint& endpoint,
                                                         const RequestFrame& frame,
                                                         std::string_view request_id,
                                                         Form& parameters);

// Whether the endpoint asks for a transaction of its own for these arguments.
bool goes_alone(const Endpoint& endpoint, const SqlArguments& values);

}  // namespace openclaw::front
