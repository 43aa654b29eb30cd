// What the gate learns from the platform and keeps fresh: its keys (jwks_source.h) and the status
// of its tokens (status_lists.h). A key that a status list tells to be revoked leaves the set at
// once and stays out, also when a JWKS that comes later still has it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>  // before Boost 1.74 awaitable.hpp, which uses std::exchange without it
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "core/jwks.h"
#include "gate/config.h"
#include "gate/file_watch.h"
#include "gate/jwks_source.h"
#include "gate/known_lists.h"
#include "gate/remembered_tokens.h"
#include "gate/status_lists.h"

namespace openclaw::gate {

class Platform {
 public:
  struct Events {
    std::function<void(const Platform&)> keys_changed;
    std::function<void(const Platform&)> list_read;      // tokens may be revoked by now
    std::function<void(std::size_t keys)> keys_revoked;  // with the number that is left
    std::function<void(std::string_view outcome, std::size_t keys)> keys_fetched;
    std::function<void(std::string_view uri, std::string_view outcome, bool changed)> list_fetched;
  };

  // Fetches from here on. Throws as JwksSource does. All on the loop's thread; none of the events
  // is called within this.
  Platform(boost::asio::io_context& loop, const Config& config, Events events);
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;

  // Whether one for this configuration would be the same: it comes from the same place, and the
  // file of CAs did not change under its name.
  bool is_for(const Config& config) const { return settings_ == settings_of(config); }

  // Null while there is none.
  const std::shared_ptr<const KeySet>& keys() const { return keys_; }
  bool was_tried() const { return tried_; }  // the first fetch of the keys has ended, well or not
  const std::shared_ptr<KnownLists>& lists() const { return lists_; }
  // Whether it was good and is not any more: by its status list, or because its key was revoked.
  bool has_revoked(const VerifiedToken& token) const;

  // For a token that names a kid which the set lacks, and for one whose list was never read. This
  // may be destroyed meanwhile.
  boost::asio::awaitable<void> refetch_keys(std::chrono::milliseconds at_most);
  boost::asio::awaitable<void> read_list(std::shared_ptr<KnownList> list,
                                         std::chrono::milliseconds at_most);

 private:
  // Of a configuration, and of jwks_ca: all that decides what comes from where.
  using Settings = std::tuple<std::string, std::string, std::string, std::chrono::seconds,
                              std::chrono::seconds, std::chrono::seconds, FileStamp>;
  static Settings settings_of(const Config& config);
  void use(std::shared_ptr<const KeySet> published);
  void take_revoked_keys(const std::vector<std::string>& kids);

  const Settings settings_;
  const Events events_;
  std::shared_ptr<const KeySet> published_;
  std::shared_ptr<const KeySet> keys_;  // published_ without revoked_
  std::set<std::string, std::less<>> revoked_;
  bool tried_ = false;
  const std::shared_ptr<KnownLists> lists_ = std::make_shared<KnownLists>();
  // Last, so that they end first: they call what stands above.
  JwksSource source_;
  StatusLists status_lists_;
};

}  // namespace openclaw::gate
