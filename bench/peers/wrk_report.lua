-- What wrk has measured, as one line of JSON behind the word "report": its own
-- output rounds, and leaves out errors when there were none. After -- on its
-- command line: how many requests are sent at once, in one piece.
function init(args)
  local depth = tonumber(args[1] or 1)
  if depth == 1 then return end  -- wrk then asks nobody what to send
  local text = string.rep(wrk.format(), depth)
  request = function() return text end
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'report {"replies":%d,"seconds":%.6f,"latency_ms_p50":%.3f,"latency_ms_p90":%.3f,' ..
    '"latency_ms_p99":%.3f,"latency_ms_p999":%.3f,' ..
    '"not_2xx":%d,"errors":{"connect":%d,"read":%d,"write":%d,"timeout":%d}}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(90) / 1e3,
    latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3,
    errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end
