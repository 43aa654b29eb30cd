// What a server asks of the kernel for its own process.
#pragma once

#include <cstdint>

namespace openclaw {

// Neither a core file nor another process of the same user may show this one's memory.
void forbid_dumps();

// Raises the soft limit of open files towards `needed`, as far as the hard limit allows, and gives
// what it is then.
std::uint64_t raise_descriptor_limit(std::uint64_t needed);

}  // namespace openclaw
