// Row-level security by token (session.cpp).
#pragma once

namespace openclaw::extension {

// Has Postgres tell of the ends of transactions and savepoints; called once, from _PG_init.
void register_session_callbacks();

}  // namespace openclaw::extension
