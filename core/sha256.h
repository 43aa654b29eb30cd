// SHA-256 (FIPS 180-4).
#pragma once

#include "core/bytes.h"

namespace openclaw {

Digest sha256(ByteView bytes);

}  // namespace openclaw
