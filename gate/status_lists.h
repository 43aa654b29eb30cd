// The Token Status Lists that remembered tokens refer to, read from the platform and kept current:
// each is read at the first token that refers to it, and again after half of
// Config::status_period, or of what is left until it expires, so that a revocation is known within
// that period; after a failure again with back-off (1 s doubling to half the period). One flight at
// a time for each list. A list that no token refers to any more is not read again, and forgotten.
// Fetched as https_get.h says, 5 s at the most.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>  // before Boost 1.74 awaitable.hpp, which uses std::exchange without it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "core/jwks.h"
#include "core/status_list.h"
#include "gate/config.h"
#include "gate/known_lists.h"

namespace openclaw::gate {

// The values that are documented above; others are for tests.
struct StatusTimes {
  std::chrono::milliseconds period;
  std::chrono::milliseconds at_most{5'000};  // a flight, and half the period at most
  std::chrono::milliseconds first_backoff{1'000};
};

class StatusLists {
 public:
  struct Callbacks {
    // The published set that lists are verified by, or null while there is none.
    std::function<std::shared_ptr<const KeySet>()> keys;
    // For a list whose kid the set lacks: returns when the set is as new as it can be had.
    std::function<boost::asio::awaitable<void>()> refetch_keys;
    // Each list that was read, when it is in force.
    std::function<void(const StatusListToken&)> read;
    // Reports of fetches for log and metrics: outcome is "ok", what HttpsGet says went wrong, or
    // the core's name for why it is no list that can be taken; changed is true when it is another
    // than the last outcome of that list, or the first.
    std::function<void(std::string_view uri, std::string_view outcome, bool changed)> fetched;
  };

  // All on the loop's thread. std::runtime_error with a sentence that names the file for a jwks_ca
  // that cannot be read.
  StatusLists(boost::asio::io_context& loop, const Config& config, Callbacks callbacks);
  StatusLists(boost::asio::io_context& loop, const Config& config, Callbacks callbacks,
              const StatusTimes& times);
  // Ends the flights under way; no function is called any more, and no list is current any more.
  ~StatusLists();
  StatusLists(const StatusLists&) = delete;
  StatusLists& operator=(const StatusLists&) = delete;

  // For a list that was never read: joins the flight under way, or begins one, and returns when it
  // has landed, or with `at_most` over. From then on the list is `awaited`, read or not. This may
  // be destroyed meanwhile.
  boost::asio::awaitable<void> read(std::shared_ptr<KnownList> list,
                                    std::chrono::milliseconds at_most);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace openclaw::gate
