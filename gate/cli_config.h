// `openclaw config check`: what the gate would say of its configuration at its start.
#pragma once

#include <string>

#include "gate/cli.h"

namespace openclaw::gate {

// kDone when `openclaw gate` would start with it. A configuration of mode local without an upstream
// serves `openclaw run`, and is good too.
int config_check(const Console& console, const std::string& path);

// The schema as a Markdown table, or as {"keys": [...]}.
int config_schema(const Console& console);

}  // namespace openclaw::gate
