// `openclaw run -- CMD ...`: mode local on stdio. The MCP server is whoever started it talking to
// it: no network, no caller to prove. So once the configuration says that this is meant, the
// command takes this process's place (execvp): its standard streams, signals, exit status and
// process id are its own, and nothing stands between that could buffer, reorder or outlive it.
#pragma once

#include <string>
#include <vector>

namespace openclaw::gate {

// Returns only when the command was not started: kMisused when the configuration is refused or its
// mode is not local, kUnreachable when it cannot be read, 127 when there is no such command, 126
// when it cannot be executed (as env(1) has it).
int run_on_stdio(const std::string& config_path, const std::vector<std::string>& command);

}  // namespace openclaw::gate
