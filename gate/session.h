// One client's connection: takes its requests in turn, has each judged, and relays what is allowed
// to the upstream, streaming both ways.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "gate/channel.h"
#include "gate/http_message.h"
#include "gate/relay.h"
#include "gate/request_check.h"
#include "gate/server.h"
#include "gate/task.h"
#include "gate/wakeup.h"

namespace openclaw::gate {

// nginx's word for a client that left before its answer.
inline constexpr unsigned kClientLeft = 499;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Server& server, boost::asio::ip::tcp::socket socket);

  void start();
  // Its time limit has passed.
  void expired();
  // Ends when it is idle, otherwise after the answer that is under way.
  void drain();
  void close();
  // Ends the call that is under way when its token was good and is not any more.
  void end_if_revoked(const Platform& platform);

 private:
  using Buffers = std::span<boost::asio::const_buffer>;

  // Who sent the request that is judged: the caller, or the caller's proxy (forward-auth), whose
  // connection proves nothing of the caller.
  enum class AskedBy : std::uint8_t { caller, proxy };

  enum class Head : std::uint8_t { incomplete, good, bad };

  // The request that is being answered, beside what the parser holds.
  struct Current {
    std::shared_ptr<Policy> policy;
    std::chrono::steady_clock::time_point began;
    std::string request_id;
    std::string origin;  // allowed, or ""
    std::string user_id;
    std::string key_name;
    std::shared_ptr<const VerifiedToken> token;  // while a call is under way that it let in
    std::string_view method;
    std::string_view decision = "refused";
    std::string_view reason = "ok";
    unsigned status = 0;
    unsigned version = 11;
    std::uint64_t bytes = 0;
    bool upstream_failed = false;
  };

  Task<> run();
  Task<bool> open();
  Task<bool> read_request();
  Task<> refuse_head(Refusal refusal);
  Task<> answer();
  Task<> answer_own_path(std::string_view path);
  Decision judge(AskedBy who);
  Task<Decision> judge_by_news(AskedBy who, Decision decision);
  void keep(AskedBy who, Decision decision);
  Task<> answer_verdict(Verdict verdict);
  bool is_preflight() const;
  bool is_welcome() const;
  bool has_allowed_certificate();
  std::optional<std::string_view> certificate_thumbprint();
  Credentials credentials(AskedBy who);

  Task<> refuse(Refusal refusal, std::string_view fields = {});
  Task<> respond(int status, std::string_view fields, std::string_view body);
  Task<bool> send_rest(Buffers buffers);
  void lift_write_limit();
  Task<> say_goodbye();

  Task<> proxy();
  std::optional<Refusal> decode_request_body();
  Framing request_framing() const;
  Task<std::shared_ptr<Channel>> exchange_heads(UpstreamPool& pool);
  Task<bool> send_rest_of_request(Channel& upstream, Buffers buffers);
  void start_body_relay(const std::shared_ptr<Channel>& upstream);
  Task<> relay_request_body(std::shared_ptr<Channel> upstream);
  Task<> discard_rest_of_body(Channel* upstream);
  void expect_response();
  Head read_response_head(Channel& upstream);
  Framing response_framing() const;
  Task<bool> relay_response(Channel& upstream);
  Task<bool> read_response_piece(Channel& upstream);
  bool decode_response_body(Channel& upstream);
  void forget_piece();
  Task<> answer_failure();

  void begin_request();
  void end_request();
  void limit(Limit kind) {
    limit_ = kind;
    server_.limit(client_, kind);
  }
  void lift_limit() { server_.lift_limit(client_); }

  Server& server_;
  const std::uint64_t door_;
  const std::shared_ptr<boost::asio::ssl::context> tls_;
  const std::shared_ptr<Channel> channel_;
  Server::Clients::Handle client_;
  std::weak_ptr<Policy> certificate_judged_by_;
  std::chrono::steady_clock::time_point certificate_recheck_at_;
  bool certificate_allowed_ = false;
  std::optional<std::string> certificate_thumbprint_;  // "" for none; computed when it is asked for

  std::optional<RequestParser> request_;
  std::optional<ResponseParser> response_;
  Current current_;
  std::string out_;
  Limit limit_ = Limit::idle;  // the last that was set
  bool idle_ = true;
  bool timed_out_ = false;
  bool keep_alive_ = true;
  bool presented_ = false;  // the last decision's

  Framing request_framing_;
  std::weak_ptr<Channel> upstream_;  // of the call under way
  bool response_began_ = false;
  bool relaying_ = false;  // the response: its head has gone to the client
  bool revoked_ = false;   // the call's token, meanwhile

  // The request's body, when it is relayed beside the response.
  enum class BodyRelay : std::uint8_t { none, running, ended };
  BodyRelay body_relay_ = BodyRelay::none;
  std::optional<Refusal> body_refusal_;
  bool response_ended_ = false;
  Wakeup body_relay_ended_;
};

}  // namespace openclaw::gate
