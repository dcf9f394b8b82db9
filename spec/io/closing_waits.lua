-- SPDX-License-Identifier: MIT
local async = require "saros"
local tasks = require "spec.support.tasks"
local hang, start = tasks.hang, tasks.start

-- Each makes what is waited for and returns a function that waits for it.
return {
  stream = function()
    local a, b = async.net.pair()
    return function() return a:read(), b end
  end,
  ["room in a stream"] = function()
    local a, b = async.net.pair()
    return function() return a:write(("x"):rep(1 << 22)), b end
  end,
  ["lines of a stream"] = function()
    local a, b = async.net.pair()
    return function() for _ in a:lines() do end return b end
  end,
  pipe_to = function()
    local a, b = async.net.pair()
    local c, d = async.net.pair()
    return function() return a:pipe_to(c), b, d end
  end,
  connect = function()
    local server = async.net.listen("127.0.0.1", 0)
    local _, port = server:address()
    return function()
      for _ = 1, math.huge do async.net.connect("127.0.0.1", port):close() end
    end
  end,
  accept = function()
    local server = async.net.listen("127.0.0.1", 0)
    return function() server:accept() end
  end,
  serve = function()
    local server = async.net.listen("127.0.0.1", 0)
    return function() server:serve(print) end
  end,
  resolve = function() return function() async.net.resolve "localhost" end end,
  ["TLS"] = function()
    local server = async.net.listen("127.0.0.1", 0)
    local _, port = server:address()
    local stream = async.net.connect("127.0.0.1", port)
    return function() stream:start_tls{verify = false} end
  end,
  udp = function()
    local socket = async.net.udp("127.0.0.1", 0)
    return function() socket:receive() end
  end,
  stat = function() return function() for _ = 1, math.huge do async.fs.stat "/" end end end,
  file = function()
    local file = async.fs.open("/dev/zero", "rb")
    return function() for _ = 1, math.huge do file:read(1 << 20) end end
  end,
  ["whole files"] = function()
    return function() for _ = 1, math.huge do async.fs.read_file "/proc/self/maps" end end
  end,
  directory = function()
    return function() for _ = 1, math.huge do for _ in async.fs.scandir "/dev" do end end end
  end,
  watch = function()
    local watch = async.fs.watch "/"
    return function() for _ in watch do end end
  end,
  process = function() return function() async.process.run{"sleep", "1000"} end end,
  ["end of a process"] = function()
    local process = async.process.spawn{"sleep", "1000"}
    return function() process:wait() end
  end,
  thread = function() return function() async.to_thread(function() while true do end end) end end,
  ["pool of threads"] = function()
    local pool = async.thread_pool{size = 1}
    return function() pool:run(function() while true do end end) end
  end,
  fetch = function()
    local server = async.net.listen("127.0.0.1", 0)
    local _, port = server:address()
    return function() return async.fetch("http://127.0.0.1:" .. port), server end
  end,
  ["body of a response"] = function()
    local server = async.net.listen("127.0.0.1", 0)
    local _, port = server:address()
    return function()
      local serving = async.spawn(function()
        server:accept():write "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        hang()
      end)
      return async.fetch("http://127.0.0.1:" .. port):text(), serving
    end
  end,
  ["slot of a session"] = function()
    local server = async.net.listen("127.0.0.1", 0)
    local _, port = server:address()
    local session = async.session{base_url = "http://127.0.0.1:" .. port, limit = 1}
    start(function() session:get "/" end)
    return function() return session:get "/", server end
  end,
  ["HTTP server"] = function()
    local server = async.http.listen("127.0.0.1", 0)
    return function() server:serve(function() end) end
  end,
  websocket = function()
    local server = async.net.listen("127.0.0.1", 0)
    local _, port = server:address()
    return function() return async.websocket("ws://127.0.0.1:" .. port), server end
  end,
  redis = function()
    local server = async.net.listen("127.0.0.1", 0)
    local _, port = server:address()
    local client = require("saros.redis").connect("redis://127.0.0.1:" .. port, {connect_timeout = 0.01})
    return function() return client:get "x", server end
  end,
}
