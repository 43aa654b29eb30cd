// The master key's file: read anew whenever a private key is to be sealed or unsealed, never kept.
// It holds one key a line; the first seals, all open what they sealed, so that one can replace
// another without a pause.
#pragma once

#include <string>
#include <vector>

#include "core/master_key.h"

namespace openclaw::extension {

inline constexpr std::size_t kMaxMasterKeys = 8;

// At least one. Raises F0000 (config_file_error), naming the file and what to do, when it is
// missing, unreadable, not a plain file, not owned by the server's user, open to group or others,
// or anything but 1 to kMaxMasterKeys master keys.
std::vector<MasterKey> read_master_keys();

// Makes the file, mode 0600, with a key drawn from pg_strong_random; its directory must exist.
// Raises 42710 when there is one already: it is never overwritten.
MasterKey create_master_key();

// Puts a new key before the others; the file is replaced in one step. Raises 54000 when it is full.
// Sessions that call these two wait for one another, whatever their database (a lock file beside).
MasterKey add_master_key();
// Drops all but the first and those whose id is named; how many went.
std::size_t keep_master_keys(const std::vector<std::string>& ids);

}  // namespace openclaw::extension
