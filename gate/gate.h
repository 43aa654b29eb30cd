// The gate as a whole: `openclaw gate --config FILE`.
#pragma once

#include <string>

#include "serving/log.h"

namespace openclaw::gate {

// Serves until SIGTERM or SIGINT, then drains. Reloads on SIGHUP and when a file that it read has
// changed. Returns the exit code: 0 drained, 2 the configuration is refused (its problems are on
// standard error, `FILE:LINE:COLUMN: message`) or cannot be put to work, 3 it cannot be read.
int run_gate(const std::string& config_path, LogLevel log_level);

}  // namespace openclaw::gate
