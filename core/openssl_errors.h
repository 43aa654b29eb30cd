// OpenSSL's error queue, which belongs to the whole thread.
#pragma once

#include <openssl/err.h>

namespace openclaw {

// Leaves the queue as it was found: in a Postgres backend it is also that of the server's TLS
// connection, in the gate that of its clients', and what a refused key leaves there would be taken
// for the failure of whoever looks next.
class ErrorQueueRestorer {
 public:
  ErrorQueueRestorer() { ERR_set_mark(); }
  ~ErrorQueueRestorer() { ERR_pop_to_mark(); }
  ErrorQueueRestorer(const ErrorQueueRestorer&) = delete;
  ErrorQueueRestorer& operator=(const ErrorQueueRestorer&) = delete;
};

}  // namespace openclaw
