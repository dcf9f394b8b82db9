-- SPDX-License-Identifier: MIT
-- Every await of a server, its handlers and its clients, cancelled: nobody hangs, nothing is left over, and no response
-- is cut short that seems whole.
local async = require "saros"
local explorer = require "spec.support.explorer"
local folder = require "spec.support.folder"
local serving = require "spec.support.serving"

-- Real sockets keep no order that could be repeated step by step: orders are not what is looked for here.
local OPTIONS = {
  orders = 5, mixed = 30, cancels = 300, deadlines = 30,
  allows = { "HTTPError", "EOFError", "ClosedError", "SystemError", "CancelledError", "TimeoutError" },
}

-- How long one waits for another that has been cancelled, in seconds: by a real clock, as the sockets are real.
local PATIENCE = 0.05

-- What an exchange comes to: the client sends these pieces to a server with that handler, until a response has come.
local function explore(handler, pieces, check)
  explorer.explore(function(probe)
    local function main()
      local server <close> = async.http.listen("127.0.0.1", 0)
      local _ending <close> = probe:closes(function()
        async.shield(function() server:shutdown(0) end)
      end)
      local host, port = server:address()
      probe:together({
        function() server:serve(handler) end,
        function()
          local client <close> = async.net.connect(host, port)
          for _, piece in ipairs(pieces) do
            client:write(piece)
            async.sleep(0)
          end
          local bytes = client:read_all()
          if bytes ~= "" then check(serving.parse(bytes)) end
          server:close()
        end,
      }, PATIENCE)
    end
    return main
  end, OPTIONS)
end

local function is_cut_off(response)
  return response.status == 503
end

describe("cancelling", function()
  it("an exchange in which the body is read", function()
    explore(function(request)
      return request:text()
    end, { "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-", "Length: 6\r\n\r\nabc", "def" },
      function(response)
      assert(is_cut_off(response) or response.body == "abcdef", response.body)
    end)
  end)

  it("an exchange in which the response is written in pieces", function()
    explore(function(request)
      local writer <close> = request:respond()
      for i = 1, 3 do
        writer:write(("%d"):format(i):rep(10000))
        async.sleep(0)
      end
    end, { "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" }, function(response)
      if is_cut_off(response) then return end
      local body = serving.unchunk(response.body)
      assert(body == nil or #body == 30000, "a part that seems whole")
    end)
  end)

  it("a body that a generator gives", function()
    explore(function()
      return { body = async.generator(function(yield)
        for i = 1, 3 do
          async.sleep(0)
          yield(tostring(i))
        end
      end) }
    end, { "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" }, function(response)
      if is_cut_off(response) then return end
      local body = serving.unchunk(response.body)
      assert(body == nil or body == "123", "a part that seems whole")
    end)
  end)

  it("a file that the system sends", function()
    local data, path = ("0123456789"):rep(10000), os.tmpname()
    local _removing <close> = setmetatable({}, { __close = function() os.remove(path) end })
    folder.write(path, data)
    explore(function()
      return { file = path }
    end, { "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" }, function(response)
      if is_cut_off(response) then return end
      assert(response.headers["content-length"] == "100000", "another length")
      assert(response.body == data:sub(1, #response.body), "other bytes")
    end)
  end)

  it("a file that is known by then, and in memory", function()
    for _, size in ipairs { 100, 100000 } do
      local data, path = ("x"):rep(size), os.tmpname()
      local _removing <close> = setmetatable({}, { __close = function() os.remove(path) end })
      folder.write(path, data)
      local directory, name = path:match "^(.*)(/[^/]*)$"
      local serve = async.http.files(directory)
      async.run(function()
        local client <close> = require("saros.testing").client(serve)
        assert.equal(data, client:get(name):text())
      end)
      explore(serve, { ("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):format(name) }, function(response)
        if is_cut_off(response) then return end
        assert(response.headers["content-length"] == tostring(size), "another length")
        assert(response.body == data:sub(1, #response.body), "other bytes")
      end)
    end
  end)
end)
