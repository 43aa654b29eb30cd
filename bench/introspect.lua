-- wrk: POST /oauth/introspect, another token in every request. The environment has BENCH_TOKENS (a
-- file, one token a line) and BENCH_HARNESS (the caller's token). Closes with one line of JSON.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init()
  requests = {}
  local headers = {
    ["Authorization"] = "Bearer " .. os.getenv("BENCH_HARNESS"),
    ["Content-Type"] = "application/x-www-form-urlencoded",
  }
  for token in io.lines(os.getenv("BENCH_TOKENS")) do
    requests[#requests + 1] = wrk.format("POST", "/oauth/introspect", headers, "token=" .. token)
  end
  position = number * math.floor(#requests / 2)
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%f,"bytes":%d,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
