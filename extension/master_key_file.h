// The master key's file: read anew whenever a private key is to be unsealed, never kept.
#pragma once

#include "core/master_key.h"

namespace openclaw::extension {

// Raises F0000 (config_file_error), naming the file and what to do, when it is missing, unreadable,
// not a plain file, not owned by the server's user, open to group or others, or not a master key.
MasterKey read_master_key();

// Makes the file, mode 0600, with a key drawn from pg_strong_random; its directory must exist.
// Raises 42710 when there is one already: it is never overwritten.
MasterKey create_master_key();

}  // namespace openclaw::extension
