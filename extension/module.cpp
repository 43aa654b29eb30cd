// Loading: the module's magic, its settings, what it asks Postgres to be told.
#include "extension/key_cache.h"
#include "extension/session.h"
#include "extension/settings.h"
#include "extension/tables.h"
#include "extension/call.h"

extern "C" {
PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void _PG_init(void) {
  openclaw::extension::settings::define();
  openclaw::extension::register_key_cache_invalidation();
  openclaw::extension::register_session_callbacks();
  openclaw::extension::register_table_invalidation();
}
}

namespace openclaw::extension {

OPENCLAW_FUNCTION(openclaw_library_version) {
  static_cast<void>(fcinfo);
  return Call::text(OPENCLAW_VERSION);
}

}  // namespace openclaw::extension
