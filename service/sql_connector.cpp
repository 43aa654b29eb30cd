#include "service/sql_connector.h"

#include <chrono>
#include <mutex>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

namespace openclaw::front {
namespace {

constexpr std::chrono::seconds kPatience{1};

SqlConnector::Opened connect(const std::string& conninfo, const std::string& session) {
  // A later entry wins: what stands before dbname is a default, what stands after it is fixed. An
  // empty value is none.
  const char* const keywords[] = {"connect_timeout",  "target_session_attrs", "dbname",
                                  "application_name", "client_encoding",      nullptr};
  const char* const values[] = {"5",    session.c_str(), conninfo.c_str(), "openclaw-front",
                                "UTF8", nullptr};
  // What the server says on the way (a WARNING, a FATAL farewell) must not reach stderr as it is,
  // and only a connection object takes a receiver: so it is made first, and PQreset then connects
  // it, blocking, with connect_timeout for each of several hosts.
  SqlConnector::Opened opened{PgConnection(PQconnectStartParams(keywords, values, 1)), {}};
  PQsetNoticeReceiver(
      opened.connection.get(), [](void*, const PGresult*) {}, nullptr);
  PQreset(opened.connection.get());
  if (PQstatus(opened.connection.get()) == CONNECTION_OK) return opened;
  opened.problem = PQerrorMessage(opened.connection.get());
  opened.connection.reset();
  return opened;
}

}  // namespace

struct SqlConnector::Shared {
  std::string conninfo;
  std::string session;
  boost::asio::io_context jobs;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> more_jobs =
      boost::asio::make_work_guard(jobs);
  std::mutex mutex;
  bool stopped = false;
};

SqlConnector::SqlConnector(std::string conninfo, std::string session)
    : shared_(std::make_shared<Shared>()) {
  shared_->conninfo = std::move(conninfo);
  shared_->session = std::move(session);
  std::promise<void> ended;
  ended_ = ended.get_future();
  thread_ = std::thread([shared = shared_, ended = std::move(ended)]() mutable {
    shared->jobs.run();
    ended.set_value();
  });
}

void SqlConnector::open(boost::asio::io_context& loop, std::function<void(Opened)> done) {
  boost::asio::post(shared_->jobs, [&shared = *shared_, &loop, done = std::move(done)]() mutable {
    Opened opened = connect(shared.conninfo, shared.session);
    const std::lock_guard lock(shared.mutex);
    if (shared.stopped) return;
    boost::asio::post(loop, [opened = std::move(opened), done = std::move(done)]() mutable {
      done(std::move(opened));
    });
  });
}

void SqlConnector::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopped = true;
  }
  shared_->jobs.stop();
  if (ended_.wait_for(kPatience) == std::future_status::ready) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

}  // namespace openclaw::front
