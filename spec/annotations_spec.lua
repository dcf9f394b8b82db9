-- SPDX-License-Identifier: MIT
-- What editors are told is what there is: the annotations of lua/saros against live modules and objects, both ways.
-- Its tests run inside a loop.
local async = require "saros"
local busted = require "saros.busted"
local redis = require "saros.redis"
local internal = require "saros.internal"
local annotations = require "spec.support.annotations"
local server = require "spec.support.http_server"()
local tls = require "spec.support.tls"

-- What is written in Lua is loaded when it is called first.
for _, object in ipairs { async.semaphore(1), async.lock(), async.condition(), async.rate_limiter(1, 1) } do
  pcall(object.with)
end
pcall(async.error { name = "Error" }.find_all)
pcall(async.error { name = "Error" }.split)

local function none() end

local function hang()
  async.sleep(math.huge)
end

local function upvalue(fn, wanted)
  for index = 1, math.huge do
    local name, value = debug.getupvalue(fn, index)
    if name == wanted then return value end
    assert(name, "there is no upvalue " .. wanted)
  end
end

-- An answer whose body does not end before the session is closed.
local function fetch(close)
  local session = async.session { headers = { accept = "*/*" } }
  close(session)
  local response = session:get(server.url .. "/drip?count=100000")
  return response.reason and response -- loads the rest of it
end

local function jar(close)
  local session = async.session { cookies = { a = "1" } }
  close(session)
  session.cookies:set("b", "2", { domain = "example.org", max_age = 1000 })
  return session.cookies
end

local function tls_info(close)
  local client, far = tls.pair()
  close(client)
  close(far)
  return client:tls_info()
end

-- What look(request) gives in a handler, which stays at work until `close` is called.
local function served(close, look, options, bytes)
  local listening = async.http.listen("127.0.0.1", 0, options)
  local found = async.future()
  local serving = async.spawn(listening.serve, listening, function(request)
    found:set(look and look(request) or request)
    if look then hang() end
  end)
  local _, port = listening:address()
  local stream = async.net.connect("127.0.0.1", port)
  for _, object in ipairs { listening, serving, stream } do close(object) end
  stream:write(bytes or "GET /?a=1 HTTP/1.1\r\nHost: x\r\n\r\n")
  return found:await(), stream
end

local function jobs_queue(close)
  local client = redis.connect "redis://localhost"
  close(client)
  return require("saros.jobs").queue(client, "q")
end

-- Every class, and how to get what is one (or a list of ways). A new room adds its own here; `close` takes what is to
-- be closed in the end.
local live = {
  ["saros"] = function()
    for name in pairs(internal.lazy_names()) do
      assert.is_truthy(async[name], name)
    end
    return async
  end,
  ["saros.Coroutine"] = function() return async.coroutine end,
  ["saros.JSON"] = function() return async.json end,
  ["saros.testing"] = function() return require "saros.testing" end,
  ["saros.busted"] = function() return busted end,

  ["saros.Progress"] = function() return require "saros.progress" end,
  ["saros.ProgressBar"] = function() return require("saros.progress").bar("x") end,

  ["saros.Error"] = function()
    local queue = async.queue()
    queue:close()
    return select(2, pcall(queue.try_put, queue, 1))
  end,
  ["saros.Task"] = function(close)
    local task = async.spawn(hang)
    close(task)
    return task
  end,
  ["saros.List"] = function() return async.gather { none } end,
  ["saros.Deferred"] = function() return async.defer(none) end,
  ["saros.TaskLocal"] = function() return async.task_local(1) end,
  ["saros.Timeout"] = function(close)
    local timeout = async.timeout(math.huge)
    close(timeout)
    return timeout
  end,
  ["saros.TaskGroup"] = function(close)
    local group = async.task_group()
    close(group)
    return group
  end,

  ["saros.Future"] = function() -- settled, so that `fail` is not reported
    local future = async.future()
    future:set()
    return future
  end,
  ["saros.Permit"] = {
    function() return async.semaphore(1):acquire() end,
    function(close)
      local permit = async.lock():acquire()
      close(permit)
      return permit
    end,
  },
  ["saros.Semaphore"] = function() return async.semaphore(1) end,
  ["saros.Lock"] = function() return async.lock() end,
  ["saros.Event"] = function() return async.event() end,
  ["saros.Condition"] = function() return async.condition() end,
  ["saros.Barrier"] = function() return async.barrier(2) end,
  ["saros.Queue"] = {
    function() return async.queue() end,
    function() return async.lifo_queue() end,
    function() return async.priority_queue() end,
  },
  ["saros.RateLimiter"] = function() return async.rate_limiter(1, 1) end,
  ["saros.Signals"] = function(close)
    local signals = async.signals "SIGWINCH"
    close(signals)
    return signals
  end,

  ["saros.ProcessModule"] = function() return async.process end,
  ["saros.Process"] = function(close)
    local child = async.process.spawn { "cat" }
    close(child)
    return child
  end,
  ["saros.ProcessResult"] = function() return async.process.run { "true" } end,

  ["saros.Net"] = function() return async.net end,
  ["saros.Stream"] = function(close)
    local one, other = async.net.pair()
    close(one)
    close(other)
    return one
  end,
  ["saros.Server"] = function(close)
    local listening = async.net.listen("127.0.0.1", 0)
    close(listening)
    return listening
  end,
  ["saros.UDP"] = function(close)
    local socket = async.net.udp("127.0.0.1", 0)
    close(socket)
    return socket
  end,

  ["saros.ThreadPool"] = function(close)
    local pool = async.thread_pool { size = 1 }
    close(pool)
    return pool
  end,
  ["saros.FS"] = function() return async.fs end,
  ["saros.File"] = function(close)
    local file = async.fs.tempfile()
    close(file)
    return file
  end,
  ["saros.Watch"] = function(close)
    local watch = async.fs.watch "."
    close(watch)
    return watch
  end,
  ["saros.Stat"] = function() return async.fs.stat "." end,

  ["saros.Session"] = function(close)
    local session = async.session()
    close(session)
    return session
  end,
  ["saros.Response"] = fetch,
  ["saros.Headers"] = function(close) return fetch(close).headers end,
  ["saros.Cookies"] = jar,
  ["saros.Cookie"] = {
    function(close) return jar(close):all()[1] end,
    function(close) return jar(close):all()[2] end,
  },

  ["saros.HTTP"] = function() return async.http end,
  ["saros.HTTPServer"] = function(close)
    local listening = async.http.listen("127.0.0.1", 0)
    close(listening)
    return listening
  end,
  ["saros.HTTPRequest"] = function(close) return (served(close, function(request) return request end)) end,
  ["saros.HTTPFields"] = function(close) return (served(close, function(request) return request.query end)) end,
  ["saros.HTTPWriter"] = function(close) return (served(close, function(request) return request:respond() end)) end,
  ["saros.HTTPEvents"] = function(close) return (served(close, function(request) return request:events() end)) end,
  ["saros.HTTPPart"] = function(close)
    local parts = {
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 95\r\n\r\n',
      '--b\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n',
      "Content-Type: text/plain\r\n\r\n1\r\n",
    }
    return (served(close, function(request) return request:multipart()() end, nil, table.concat(parts)))
  end,
  ["saros.HTTPTestClient"] = function(close)
    local client = require("saros.testing").client(none)
    close(client)
    return client
  end,
  ["saros.WebSocket"] = function(close)
    local found, listening = async.future(), async.http.listen("127.0.0.1", 0)
    local serving = async.spawn(listening.serve, listening, function(request)
      found:set(request:websocket())
      hang()
    end)
    local _, port = listening:address()
    local client = async.websocket(("ws://127.0.0.1:%d/"):format(port))
    for _, object in ipairs { listening, serving, client } do close(object) end
    return found:await()
  end,
  ["saros.HTTPRouter"] = function() return async.http.router() end,
  ["saros.HTTPRecord"] = function(close)
    local record = async.future()
    served(close, nil, { log = function(told) record:set(told) end })
    return record:await()
  end,
  ["saros.Redis"] = function(close)
    local client = redis.connect "redis://localhost"
    close(client)
    return client
  end,
  ["saros.JobQueue"] = function(close) return jobs_queue(close) end,
  ["saros.Job"] = function(close) return jobs_queue(close):job "1" end,

  ["saros.redis"] = function() return redis end,
  ["saros.jobs"] = function() return require "saros.jobs" end,

  ["saros.TLSInfo"] = tls_info,
  ["saros.Certificate"] = function(close) return tls_info(close).peer_certificate end,
}

-- Tables that programs write, the values of options: how to hand one over.
local written = {
  ["saros.WebSocketServerOptions"] = {
    function(options) require("saros.websocket.options").check("request:websocket", 1, options, false) end,
  },
  ["saros.WebSocketOptions"] = { function(options) async.websocket("ws://127.0.0.1:1/", options) end },
  ["saros.Auth"] = { function(auth) async.fetch(server.url, { auth = auth }) end },
  ["saros.CookieAttributes"] = {
    function(attributes)
      local session <close> = async.session()
      session.cookies:set("a", "1", attributes)
    end,
  },
  ["saros.ConnectOptions"] = { function(options) async.net.connect("127.0.0.1", 1, options):close() end },
  ["saros.CopyOptions"] = { function(options) async.fs.copy("/nonexistent/1", "/nonexistent/2", options) end },
  ["saros.MkdirOptions"] = { function(options) async.fs.mkdir("/nonexistent/1", options) end },
  ["saros.WriteOptions"] = { function(options) async.fs.write_file("/nonexistent/1", "", options) end },
  ["saros.FetchOptions"] = {
    function(options) async.fetch(server.url, options) end,
    function(options) async.session(options):close() end,
  },
  ["saros.LineOptions"] = {
    function(options)
      local one, other = async.net.pair()
      local held <close>, _ = one, other:close()
      one:read_line(options)
    end,
  },
  ["saros.HTTPFileOptions"] = { function(options) async.http.files(".", options) end },
  ["saros.HTTPOptions"] = { function(options) async.http.listen("127.0.0.1", 0, options):close() end },
  ["saros.HTTPResponse"] = {
    function(response)
      local request = { method = "HEAD", _state = none, _send = none, _begin = none, _end = none }
      require("saros.http.server.respond").send(request, response)
    end,
  },
  ["saros.ListenOptions"] = { function(options) async.net.listen("127.0.0.1", 0, options):close() end },
  ["saros.GroupOptions"] = {
    function(options)
      local group <close> = async.task_group(options)
      group:cancel()
    end,
  },
  ["saros.MapOptions"] = { function(options) async.map({}, none, options) end },
  ["saros.Part"] = { function(part) async.fetch(server.url, { multipart = { part } }) end },
  ["saros.PipeOptions"] = {
    function(options)
      local one, other = async.net.pair()
      local held <close>, _ = one, other:close()
      one:pipe_to(one, options)
    end,
  },
  ["saros.ProgressOptions"] = { function(options) require("saros.progress").bar("x", options):close() end },
  ["saros.ProgressListOptions"] = { function(options) require("saros.progress").as_completed({}, options) end },
  ["saros.ProgressMapOptions"] = { function(options) require("saros.progress").map({}, none, options) end },
  ["saros.JobOptions"] = {
    function(options)
      local client <close> = redis.connect "redis://localhost"
      require("saros.jobs").queue(client, "q", options)
    end,
  },
  ["saros.RedisOptions"] = { function(options) redis.connect("redis://localhost", options):close() end },
  ["saros.Retries"] = { function(retries) async.fetch(server.url, { retries = retries }) end },
  ["saros.RetryOptions"] = { function(options) async.retry(none, options) end },
  ["saros.SessionOptions"] = { function(options) async.session(options):close() end },
  ["saros.SpawnOptions"] = { function(options) async.process.run({ "true" }, options) end },
  ["saros.TLSOptions"] = {
    function(options)
      local client, far = async.net.pair()
      local _held <close> = tls.closing(client, far)
      client:start_tls(options)
    end,
  },
  ["saros.ThreadPoolOptions"] = { function(options) async.thread_pool(options):close() end },
  ["saros.Timeouts"] = { function(timeout) async.fetch(server.url, { timeout = timeout }) end },
  ["saros.WaitOptions"] = { function(options) async.wait({}, options) end },
}

-- A function that is written in Lua, without the C functions that keep its caller's line in tracebacks, or do for it
-- what is asked most: these have it as their second upvalue, behind the runtime.
local function as_written(fn)
  local _, inner = debug.getupvalue(fn, 1)
  if type(inner) == "userdata" then
    _, inner = debug.getupvalue(fn, 2)
  end
  return debug.getinfo(fn, "S").what == "C" and type(inner) == "function" and as_written(inner) or fn
end

-- Classes of the modules behind a room, which are no business of a program.
local function is_internal(class)
  local room = class:match "^saros%.(%l+)%."
  return ({
    http = true, net = true, redis = true, jobs = true, compat = true, websocket = true, command = true,
    timeline = true,
  })[room] ~= nil
end

local function files()
  local list = {}
  local pipe <close> = assert(io.popen "find lua/saros -name '*.lua' | sort")
  for path in pipe:lines() do list[#list + 1] = path end
  return list
end

local declared = annotations.read(files())

-- Calls visit(object) for every object of a class, and closes what was made for them.
local function each_object(class, visit)
  for _, make in ipairs(type(live[class]) == "table" and live[class] or { live[class] }) do
    local opened = {}
    local held <close> = setmetatable({}, { __close = function()
      for i = #opened, 1, -1 do opened[i]:close() end
    end })
    visit(make(function(object) opened[#opened + 1] = object end))
  end
end

-- What has the methods of an object: its class, or a module itself.
local function methods_of(object, class)
  local meta = getmetatable(object)
  local index = type(object) == "table" and object or nil
  if meta and object ~= async then index = meta.__index end
  if type(index) == "function" and debug.getinfo(index, "S").what == "C" then
    index = select(2, debug.getupvalue(index, 1))
  elseif type(index) == "function" then
    index = upvalue(index, class:match "[^.]+$")
  end
  return index or {}
end

local function functions_of(object, class)
  local list = {}
  for name, value in pairs(methods_of(object, class)) do
    if type(value) == "function" and not name:find "^_" then list[name] = value end
  end
  return list
end

-- The declarations of functions: those on functions, and fields that hold one.
local function declared_functions(class)
  local list = {}
  for name, member in pairs(declared.classes[class].functions) do list[name] = member end
  for name, member in pairs(declared.classes[class].fields) do
    if annotations.function_type(declared, member.type) then list[name] = member end
  end
  return list
end

local function each_class(visit)
  for class in pairs(live) do
    each_object(class, function(object) visit(class, object) end)
  end
end

-- What an argument may be, by its name, or else by the type that is declared for it; the first that fits.
local samples = {
  { "^async fun%(", none }, { "^fun%(", none }, { "^function", none }, { "^saros%.Awaitable%[%]", { none } },
  { "^saros%.Awaitable", none }, { "^%(saros%.Task|saros%.Future%)%[%]", { async.future() } }, { "^T%[%]", { 1 } },
  { "^string%[%]", { "true" } },
  { "^saros%.Selectable%[%]", { async.event() } },
  { "^%(string|number%)%[%]", { "1" } }, { "^table<", {} },
  { "^number", 1 }, { "^integer", 1 }, { "^string", "1" }, { "^boolean", false }, { "^any", 1 }, { "^T$", {} },
  { "^thread", coroutine.create(none) }, { "^saros%.Redis", {} },
  { "^{name: string", { name = "Error" } }, { "^saros%.ErrorName", "Error" },
  target = server.url .. "/echo", path = os.tmpname(), address = "127.0.0.1",
}

local function sample(parameter)
  if samples[parameter.name] then return samples[parameter.name] end
  for _, entry in ipairs(samples) do
    if parameter.type:find(entry[1]) then return entry[2] end
  end
  error(("there is no sample for %s, of the type %s"):format(parameter.name, parameter.type))
end

-- Whether a function refuses to be called where it could not wait.
local function refuses_coroutine(object, fn, member)
  local required, has_self = annotations.required(declared, member)
  local arguments = { has_self and object or nil }
  for _, parameter in ipairs(required) do arguments[#arguments + 1] = sample(parameter) end
  local results = table.pack(coroutine.wrap(function() return pcall(fn, table.unpack(arguments)) end)())
  local ok, result = results[1], results[2]
  for i = 2, ok and results.n or 1 do
    local meta = getmetatable(results[i])
    if type(meta) == "table" and meta.__close and results[i] ~= async.current_task() then meta.__close(results[i]) end
  end
  return not ok and type(result) == "string" and result:find "cannot wait inside a coroutine" ~= nil
end

-- What seems to wait and does not, or the other way round.
local exceptions = {
  ["saros: timeout"] = "needs a task, to which it belongs",
  ["saros: task_group"] = "the same; with a function it waits",
  ["saros: as_completed"] = "the same: its loop waits",
  ["saros.Progress: as_completed"] = "the same",
  ["saros: pcall"] = "waits if the function does",
  ["saros: catch"] = "the same",
  ["saros.Deferred: close"] = "the same, and calls it where it cannot wait",
  ["saros.Process: close"] = "kills the child where it cannot wait",
  ["saros.TaskLocal: with"] = "waits if the function does",
  ["saros.Response: discard"] = "calls pcall",
  ["saros.Stream: start_tls"] = "first says that server_name is missing",
  ["saros.Redis: close"] = "waits only where it can",
  ["saros.jobs: show"] = "looks at the URL first",
  ["saros.JobQueue: every"] = "asks for a schedule first",
  ["saros.Net: listen"] = "waits where a name has to be looked up",
  ["saros.Net: udp"] = "the same",
  ["saros.Net: serve"] = "asks for a port first",
  ["saros.Stream: pipe_to"] = "needs another stream",
  ["saros: websocket"] = "looks at the URL first",
  ["saros.HTTP: listen"] = "waits where a name has to be looked up",
  ["saros.HTTP: serve"] = "asks for a port first",
  ["saros.HTTPRequest: form"] = "looks at the type of the body first",
}

describe("the annotations", function()
  it("are of classes that there are", function()
    for class, declaration in pairs(declared.classes) do
      local is_known = live[class] or written[class] or is_internal(class)
      assert.is_truthy(is_known, class .. " is declared at " .. declaration.where)
    end
    for _, known in ipairs { live, written } do
      for class in pairs(known) do assert.is_truthy(declared.classes[class], class .. " is not declared") end
    end
  end)

  it("know every function that there is", function()
    each_class(function(class, object)
      local known = declared_functions(class)
      for name in pairs(functions_of(object, class)) do
        assert.is_truthy(known[name], ("%s has the function %s, which is not declared"):format(class, name))
      end
    end)
  end)

  it("know no function that there is not", function()
    each_class(function(class, object)
      local present = functions_of(object, class)
      for name, member in pairs(declared_functions(class)) do
        assert.is_truthy(present[name], ("%s: %s has no function %s"):format(member.where, class, name))
      end
    end)
  end)

  it("know every field that an object has", function()
    each_class(function(class, object)
      for name, value in next, type(object) == "table" and object or {} do
        local is_known = type(name) ~= "string" or type(value) == "function" or declared.classes[class].fields[name]
        assert.is_truthy(is_known, ("%s has the field %s, which is not declared"):format(class, name))
      end
    end)
  end)

  it("know no field that an object has not, unless they say that it may be missing", function()
    each_class(function(class, object)
      for name, field in pairs(declared.classes[class].fields) do
        local is_there = field.is_optional or field.is_package or object[name] ~= nil
        assert.is_true(is_there, ("%s: %s has no field %s"):format(field.where, class, name))
      end
    end)
  end)

  it("stand on the functions themselves, and in meta/ for those that are written in C", function()
    each_class(function(class, object)
      local present = functions_of(object, class)
      for name, member in pairs(declared_functions(class)) do
        local info = debug.getinfo(as_written(present[name]), "S")
        if info.what ~= "C" then
          assert.equal(member.file, info.source:match "lua/saros/.*$", class .. ": " .. name)
        elseif member.parameters then
          assert.matches("^lua/saros/meta/", member.file, class .. ": " .. name)
        end
      end
    end)
  end)

  it("name the parameters that a function has, in order", function()
    for class, declaration in pairs(declared.classes) do
      for name, member in pairs(declaration.functions) do
        local named = {}
        for i, text in ipairs(member.tags.param or {}) do named[i] = text:match "^[%w_.]+" end
        if not (is_internal(class) or member.is_package) then
          assert.same(member.parameters, named, ("%s: %s: %s"):format(member.where, class, name))
        end
      end
    end
  end)

  it("say what each function does", function()
    for class, declaration in pairs(declared.classes) do
      for name, member in pairs(declaration.functions) do
        assert.is_true(is_internal(class) or #member.text > 10, ("%s: %s: %s"):format(member.where, class, name))
      end
    end
  end)

  it("know what waits: that cannot be called where nothing can be suspended", function()
    for class in pairs(live) do
      for name, member in pairs(declared_functions(class)) do
        local label = class .. ": " .. name
        each_object(class, function(object)
          local refuses = refuses_coroutine(object, methods_of(object, class)[name], member)
          assert.equal(annotations.is_async(declared, member) ~= (exceptions[label] ~= nil), refuses, label)
        end)
      end
    end
    os.remove(samples.path)
    require("saros.testing").settle() -- what was given to on_done is called
  end)

  it("know no option that is refused", function()
    local wrong = io.stdout -- a value that no option may have, so nothing is done
    for class, uses in pairs(written) do
      for _, use in ipairs(uses) do
        assert.matches("unknown", tostring(select(2, pcall(use, { no_such_option = wrong }))), 1, true)
        for name, field in pairs(declared.classes[class].fields) do
          local _, err = pcall(use, { [math.tointeger(name) or name] = wrong })
          assert.is_nil(tostring(err):find("unknown", 1, true), ("%s: %s"):format(field.where, tostring(err)))
        end
      end
    end
  end)

  it("speak of types that are declared", function()
    for name, where in pairs(declared.mentioned) do
      assert.is_truthy(declared.types[name], ("%s: there is no type %s"):format(where, name))
    end
  end)

  it("in meta/ are for editors alone: nothing loads them", function()
    for _, path in ipairs(files()) do
      local file <close> = assert(io.open(path))
      local is_meta, first = path:find "/meta/" ~= nil, file:read "l"
      assert.equal(is_meta, first:find "^%-%-%-@meta _$" ~= nil, path)
    end
    for name in pairs(package.loaded) do assert.is_nil(name:match "^saros%.meta", name) end
  end)
end)
