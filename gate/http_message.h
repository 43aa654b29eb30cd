// HTTP messages as the proxy holds them: Boost.Beast's parsers, with a body that streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffer_traits.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http.hpp>
#include <boost/optional/optional.hpp>

#include "gate/recycled.h"

namespace openclaw::gate {

namespace http = boost::beast::http;

inline constexpr std::size_t kMaxRequestHead = std::size_t{16} * 1024;
inline constexpr std::size_t kMaxRequestFields = 100;
inline constexpr std::size_t kMaxResponseHead = std::size_t{64} * 1024;

inline std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

inline boost::asio::const_buffer bytes(std::string_view text) { return {text.data(), text.size()}; }

// Decoded bytes gather in a string, which whoever relays them empties: unlike Beast's own bodies it
// neither reserves what Content-Length promises nor is full.
struct StreamedBody {
  using value_type = std::basic_string<char, std::char_traits<char>, Recycled<char>>;

  class reader {
   public:
    template <bool kIsRequest, class Fields>
    reader(http::header<kIsRequest, Fields>&, value_type& body) : body_(body) {}

    void init(const boost::optional<std::uint64_t>&, boost::beast::error_code& error) {
      error = {};
    }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, boost::beast::error_code& error) {
      error = {};
      std::size_t taken = 0;
      for (const auto buffer : boost::beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
        taken += buffer.size();
      }
      return taken;
    }
    void finish(boost::beast::error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

using RequestParser = http::request_parser<StreamedBody, Recycled<char>>;
using ResponseParser = http::response_parser<StreamedBody, Recycled<char>>;

}  // namespace openclaw::gate
