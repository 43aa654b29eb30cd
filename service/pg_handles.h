// libpq's objects in unique pointers.
#pragma once

#include <memory>

#include <libpq-fe.h>

namespace openclaw::front {

struct PgFinish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using PgConnection = std::unique_ptr<PGconn, PgFinish>;

struct PgClear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, PgClear>;

}  // namespace openclaw::front
