-- Rotates over a file of bodies (one a line), checks every answer, and writes down 1 % of the call ids.
-- Environment: THREADS, BODIES, EXPECT (a plain text each answer must hold), TARGET (path), IDS (file prefix).
local loaded = {}

function setup(thread)
  loaded[#loaded + 1] = thread
  thread:set("number", #loaded)
end

function init(arguments)
  bodies = {}
  -- Each thread has users of its own, so that no two connections ask one phone at the same instant.
  local line_number = 0
  for line in io.lines(os.getenv("BODIES")) do
    line_number = line_number + 1
    if line_number % tonumber(os.getenv("THREADS")) == number - 1 then bodies[#bodies + 1] = line end
  end
  at = 0
  expect = os.getenv("EXPECT")
  wrong, answers, requests = 0, 0, {}
  headers = { ["Content-Type"] = "text/xml; charset=utf-8", ["SOAPAction"] = '""' }
  for index, body in ipairs(bodies) do
    requests[index] = wrk.format("POST", os.getenv("TARGET"), headers, body)
  end
  ids = io.open(os.getenv("IDS") .. number, "a")
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function response(status, answered, body)
  answers = answers + 1
  if status ~= 200 or not body:find(expect, 1, true) then wrong = wrong + 1 end
  if answers % 100 == 0 then
    local call = answered["cordboard-call"] or answered["Cordboard-Call"]
    if call then ids:write(call, "\n"); ids:flush() end
  end
end

function done(summary, latency, all)
  local wrong = 0
  for _, thread in ipairs(loaded) do wrong = wrong + thread:get("wrong") end
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), wrong + summary.errors.connect + summary.errors.timeout))
end
