-- wrk: the same request again and again. Closes with one line of JSON.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%f,"p50":%d,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50),
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
