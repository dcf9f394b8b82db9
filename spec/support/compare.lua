-- SPDX-License-Identifier: MIT
-- ./dev compare [COUNT [SEED]]: random exchanges with a rogue server, over saros' own connections and over libcurl.
-- What a user or the server sees of them has to be the same; each seed where it is not is told.
--
-- Each way has a process of its own (`compare.lua run FIRST LAST`), which prints one line for each case. A case that
-- differs is run again, alone: times are real ones.

local async = require "saros"
local certificates = require "spec.support.certificates"()
local exchanges = require "spec.support.random_exchanges"

local AT_ONCE, ATTEMPTS, STALL = 8, 3, 1

-- Seconds between two requests, once the server is done with the one before: what comes meanwhile, or an end, has each
-- way give up the connection.
local BETWEEN = 0.01

-- ---- the server -------------------------------------------------------------------------------------------------

-- The body that follows a head, as it is meant; nil where the client has gone.
local function read_body(stream, head)
  local length = head:lower():match "\r\ncontent%-length: *(%d+)"
  if head:lower():find "\r\ntransfer%-encoding: *chunked" then
    local parts = {}
    repeat
      local size = tonumber(stream:read_line(), 16)
      parts[#parts + 1] = size > 0 and stream:read_exactly(size) or ""
      stream:read_line()
    until size == 0
    return table.concat(parts)
  end
  return length and stream:read_exactly(tonumber(length)) or ""
end

-- For <close>, or to be called before: the server is busy until then.
local function busy(seen)
  local is_busy = true
  seen.busy = seen.busy + 1
  local function done()
    if is_busy then seen.busy = seen.busy - 1 end
    is_busy = false
  end
  return setmetatable({}, { __call = done, __close = done })
end

local function finish(seen, stream, how, done)
  if how == "keep" then return true end
  async.sleep(0.003)
  if how == "half" then
    stream:shutdown()
  elseif how == "stall" then
    if seen.cancel == "stalled" then seen.task:cancel() end
    done()
    async.sleep(STALL)
  elseif how == "reset" then
    stream:abort()
  else
    stream:close()
  end
  return false
end

-- Serves one request. False: the connection is done.
local function serve_one(case, stream, seen, port)
  local head = stream:read_until("\r\n\r\n", { keep = true })
  if not head then return false end
  local done <close> = busy(seen)
  seen.taken = seen.taken + 1
  local number = seen.taken
  seen.requests[number] = { head }
  if seen.cancel == "unanswered" then
    seen.task:cancel()
    return false
  end
  local answer = case.answers[number] or case.last
  if head:lower():find "expect: 100%-continue" and answer.reads == "all" then
    stream:write "HTTP/1.1 100 Continue\r\n\r\n"
  end
  if answer.reads == "all" then seen.requests[number][2] = read_body(stream, head) end
  for i, piece in ipairs(answer.pieces) do
    if i > 1 then async.sleep(0.002) end
    stream:write((piece:gsub("%%PORT%%", port)))
  end
  return finish(seen, stream, answer.ends, done) and answer.reads == "all"
end

-- Opens the tunnel of a proxy, or does not. False: it does not.
local function open_tunnel(stream, tunnel, seen)
  local head = stream:read_until("\r\n\r\n", { keep = true })
  if not head then return false end
  seen.tunnels[#seen.tunnels + 1] = head
  for i, piece in ipairs(tunnel) do
    if i > 1 then async.sleep(0.002) end
    stream:write(piece)
  end
  if tunnel.silent then async.sleep(STALL) end
  return tunnel.stays
end

-- Goes over to TLS, or does something else. False: it does.
local function shake_hands(stream, handshake)
  if handshake == "silent" then async.sleep(STALL) end
  if handshake == "garbage" then stream:write "HTTP/1.1 400 Bad Request\r\n\r\n" end
  if handshake ~= "good" and handshake ~= "expired" then return false end
  local name = handshake == "good" and "server" or "expired"
  stream:start_tls { server = true, cert = certificates[name], key = certificates[name .. "_key"] }
  return true
end

local function serve(case, server, seen, port)
  local kind = case.way.kind
  server:serve(function(stream)
    pcall(function()
      if kind == "tunnel" and not open_tunnel(stream, case.way.tunnel, seen) then return end
      if (kind == "tls" or kind == "tunnel") and not shake_hands(stream, case.way.handshake) then return end
      while serve_one(case, stream, seen, port) do end
    end)
  end)
end

-- ---- what is seen -------------------------------------------------------------------------------------------------

local uses = {}

function uses.text(response) return response:text() end

function uses.json(response) return async.json.encode(response:json()) end

function uses.status() return nil end

function uses.close(response) response:close() end

function uses.part(response)
  local first = response:read(3)
  response:close()
  return first
end

-- All that an iterator gives, also where it raises in the end.
local function gathered(seen, next_one)
  local parts = {}
  seen.parts = parts
  for part in next_one do parts[#parts + 1] = part end
  return table.concat(parts)
end

function uses.read(response, seen)
  return gathered(seen, function() return response:read(7) end)
end

function uses.chunks(response, seen) return gathered(seen, response:chunks()) end

function uses.lines(response, seen)
  local parts = {}
  for line in response:lines() do parts[#parts + 1] = line end
  return table.concat(parts, "|") .. gathered(seen, function() return nil end)
end

function uses.save(response)
  local path = os.tmpname()
  local ok, size = async.pcall(response.save, response, path)
  local file = io.open(path, "rb")
  local bytes = file and file:read "a"
  if file then file:close() end
  os.remove(path)
  if not ok then error(size, 0) end
  return size .. ":" .. bytes
end

local function describe_error(err)
  if not async.is_error(err) then return tostring(err) end
  return {
    name = err.name, code = err.code, phase = err.phase, seconds = err.seconds, status = err.status, url = err.url,
    host = err.host, at = err.port, answered = err.response and err.response.status, message = err.message,
  }
end

local function describe(response)
  local fields = {}
  for name, value in pairs(response.headers) do fields[#fields + 1] = name .. ": " .. value end
  local history = {}
  for i, earlier in ipairs(response.history) do history[i] = earlier.status .. " " .. earlier.url end
  return {
    status = response.status, reason = response.reason, ok = response.ok, url = response.url, fields = fields,
    version = response.http_version, history = history, elapsed = math.type(response.elapsed),
  }
end

local SCHEMES = { plain = "http", proxy = "http", tls = "https", tunnel = "https" }

local function perform(session, case, asked, port, place)
  local seen, options = {}, exchanges.options(case, asked, port, certificates.ca)
  if place then options.unix_socket = place end
  if asked.progress then
    options.on_progress = function(received, total) seen.received, seen.total = received, total end
  end
  local host = options.resolve and "named.test" or "127.0.0.1"
  local url = ("%s://%s:%d%s"):format(SCHEMES[case.way.kind], host, port, asked.path)
  local ok, err = async.pcall(function()
    local response <close> = session:fetch(url, options)
    seen.response = describe(response)
    seen.body = uses[asked.use](response, seen)
  end)
  if not ok then seen.err = describe_error(err) end
  if seen.parts then seen.parts = table.concat(seen.parts) end
  return seen
end

-- Lines of a request in the order of their names: the order is left to whoever carries it.
local function sorted_head(head)
  local lines = {}
  for line in head:gmatch "(.-)\r\n" do lines[#lines + 1] = line end
  local first = table.remove(lines, 1)
  table.sort(lines)
  return first .. "\n" .. table.concat(lines, "\n")
end

-- Who does not read to the end may leave before it or behind it, and what becomes of the connection hangs on that.
local LEAVES_EARLY = { close = true, part = true, status = true }

local function stats_of(session, leaves_early)
  local stats = session:stats()
  return leaves_early and { active = stats.active, waiting = stats.waiting } or stats
end

-- What was seen of a case.
local function run_case(seed)
  local case = exchanges.new(seed)
  case.last = { reads = "all", ends = "keep", pieces = { "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast" } }
  local path = case.unix and os.tmpname() or nil
  if path then os.remove(path) end
  local server <close> = path and async.net.listen_unix(path) or async.net.listen("127.0.0.1", 0)
  local _, port = server:address()
  local seen = { taken = 0, busy = 0, requests = {}, answers = {}, tunnels = {} }
  port = path and 80 or port
  local serving = async.spawn(serve, case, server, seen, port)
  local session <close> = async.session()
  local leaves_early = false
  for i, asked in ipairs(case.requests) do
    leaves_early = leaves_early or LEAVES_EARLY[asked.use]
    seen.cancel, seen.task = asked.cancel, async.spawn(perform, session, case, asked, port, path)
    local ok, result = async.pcall(seen.task.await, seen.task)
    seen.answers[i] = ok and result or { err = describe_error(result) }
    while seen.busy > 0 do async.sleep(0.001) end
    async.sleep(BETWEEN)
    seen.answers[i].stats = stats_of(session, leaves_early)
  end
  seen.cancel, seen.task, seen.busy = nil, nil, nil
  for _, request in ipairs(seen.requests) do request[1] = sorted_head(request[1]) end
  for i, head in ipairs(seen.tunnels) do seen.tunnels[i] = sorted_head(head) end
  serving:cancel()
  return seen, port, path
end

local function write_value(value, parts, indent)
  if type(value) ~= "table" then
    local text = type(value) == "string" and #value > 300 and ("%d bytes, %q"):format(#value, value:sub(1, 60)) or value
    parts[#parts + 1] = ("%q"):format(text)
    return
  end
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    parts[#parts + 1] = "\n" .. indent .. tostring(key) .. " = "
    write_value(value[key], parts, indent .. "  ")
  end
end

local function report(seed)
  local seen, port, path = run_case(seed)
  local parts = {}
  write_value(seen, parts, "")
  local text = table.concat(parts):gsub("%f[%d]" .. port .. "%f[%D]", "PORT"):gsub("%-%-%-+%w+", "BOUNDARY")
  if path then text = text:gsub((path:gsub("%p", "%%%0")), "SOCKET") end
  return (text:gsub("boundary=%w+", "boundary"))
end

local function run(first, last)
  local reports = {}
  local seeds = {}
  for seed = first, last do seeds[#seeds + 1] = seed end
  async.run(function()
    async.on_error(function() end)
    for i, text in ipairs(async.map(seeds, report, { limit = AT_ONCE })) do reports[i] = text end
  end)
  for i, text in ipairs(reports) do
    local line = ("%d %q"):format(seeds[i], text):gsub("\\\n", "\\n")
    print(line)
  end
end

-- ---- the two ways side by side ------------------------------------------------------------------------------------

local function start(way, first, last)
  local command = "SAROS_HTTP_BACKEND=%s exec %s spec/support/compare.lua run %d %d 2>&1"
  return assert(io.popen(command:format(way, arg[-1], first, last)))
end

local function gather(pipe)
  local reports, rest = {}, {}
  for line in pipe:lines() do
    local seed, text = line:match "^(%d+) (\".*\")%s*$"
    if seed then reports[tonumber(seed)] = load("return " .. text)() else rest[#rest + 1] = line end
  end
  assert(pipe:close(), table.concat(rest, "\n"))
  return reports
end

local function both(first, last)
  local own, curl = start("own", first, last), start("curl", first, last)
  return gather(own), gather(curl)
end

-- Texts are each way's own.
local function without_messages(text)
  return (text:gsub("\n *message = [^\n]*", ""))
end

local function differs(seed)
  local own, curl
  for _ = 1, ATTEMPTS do
    own, curl = both(seed, seed)
    if without_messages(own[seed]) == without_messages(curl[seed]) then return nil end
  end
  return own[seed], curl[seed]
end

-- The lines that only one of them has.
local function show(mark, text, other)
  local lines = {}
  for line in other:gmatch "[^\n]+" do lines[line] = true end
  for line in text:gmatch "[^\n]+" do
    if not lines[line] then print(mark .. line) end
  end
end

local function compare(count, seed)
  local found, STEP = 0, 200
  for first = seed, seed + count - 1, STEP do
    local last = math.min(first + STEP, seed + count) - 1
    local own, curl = both(first, last)
    for each = first, last do
      local is_same = without_messages(own[each]) == without_messages(curl[each])
      local ours, theirs
      if not is_same then ours, theirs = differs(each) end
      if ours then
        found = found + 1
        print("seed " .. each)
        show("  own   ", ours, theirs)
        show("  curl  ", theirs, ours)
      end
    end
  end
  print(("%d cases, %d differ"):format(count, found))
  os.exit(found == 0)
end

if arg[1] == "run" then
  run(tonumber(arg[2]), tonumber(arg[3]))
else
  compare(tonumber(arg[1]) or 1000, tonumber(arg[2]) or 1)
end
