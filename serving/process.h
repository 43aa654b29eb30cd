// What a server asks of the kernel for its own process.
#pragma once

#include <cstdint>

namespace openclaw {

// Neither a core file nor another process of the same user may show this one's memory.
void forbid_dumps();

// Raises the soft limit of open files to `needed`. When the hard limit does not allow that: false,
// and nothing is changed.
bool raise_descriptor_limit(std::uint64_t needed);
std::uint64_t hard_descriptor_limit();

}  // namespace openclaw
