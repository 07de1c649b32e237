-- Logs in to one phone after the other and, the round done, out of each again. Counts what is answered: busy (26) and anything else
-- that is no success. Environment: BODIES (a file with one form body a line, all logins before all log-outs), TARGET (path).
local loaded = {}

function setup(thread)
  loaded[#loaded + 1] = thread
end

function init(arguments)
  -- wrk asks for one request that it does not send: the last one.
  requests, at, busy, wrong, first = {}, -1, 0, 0, ""
  local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
  for line in io.lines(os.getenv("BODIES")) do
    requests[#requests + 1] = wrk.format("POST", os.getenv("TARGET"), headers, line)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function response(status, headers, body)
  if status == 200 and body:find("<success/>", 1, true) then return end
  if body:find('code="26"', 1, true) then busy = busy + 1 return end
  wrong = wrong + 1
  if wrong == 1 then first = status .. " " .. body:gsub("\n", " ") end
end

function done(summary, latency, all)
  local busy, wrong = 0, 0
  for _, thread in ipairs(loaded) do
    busy, wrong = busy + thread:get("busy"), wrong + thread:get("wrong")
    if thread:get("first") ~= "" then io.write("FIRST ", thread:get("first"), "\n") end
  end
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), busy, wrong + summary.errors.connect + summary.errors.timeout))
end
