-- SPDX-License-Identifier: MIT
local script = require "spec.support.script"

describe("a finalizer of saros", function()
  it("does no harm when it is called with something else", function()
    local result = script [[
      for _, name in ipairs{"core", "json.core", "net.core", "redis.core", "process.core", "http.server.core",
          "http.core", "http.domains.core", "http.curl.core", "thread.core", "fs.core", "command.core",
          "websocket.core", "tls.core"} do
        require("saros." .. name)
      end
      local finalizers = {}
      for _, meta in pairs(debug.getregistry()) do
        local gc = type(meta) == "table" and rawget(meta, "__name") ~= "FILE*" and rawget(meta, "__gc")
        if gc then finalizers[#finalizers + 1] = {meta.__name, gc} end
      end
      async.run(function() -- some need a context that only a run has
        local strangers = {"a message that is long enough", io.stdout, {}, 1, async.queue(), async.future()}
        for _, finalizer in ipairs(finalizers) do
          for _, stranger in ipairs(strangers) do pcall(finalizer[2], stranger) end
          pcall(finalizer[2])
        end
      end)
      print(#finalizers > 30, io.type(io.stdout))
    ]]
    assert.equal("true\tfile\n", result.out, result.err)
    assert.equal("", result.err)
    assert.equal(0, result.code)
  end)

  -- Lua 5.4.4 takes whatever stands in the place of a message handler that is gone for it.
  it("may be taken for the message handler of a coroutine that is closed", function()
    local result = script [[
      async.on_error(function() end)
      async.run(function()
        async.spawn(error, "nobody looks")
        async.sleep(0)
        local gc
        for _, meta in pairs(debug.getregistry()) do
          if type(meta) == "table" and rawget(meta, "__name") == "failure" then gc = meta.__gc end
        end
        for _, depth in ipairs{1, 2, 3, 4, 5, 6, 7, 8} do
          local thread = coroutine.create(function()
            local _ <close> = setmetatable({}, {__close = function()
              local a, b, c, d, e, f, g, h = gc, gc, gc, gc, gc, gc, gc, gc
              local all = {a, b, c, d, e, f, g, h}
              error("left " .. #all)
            end})
            local function nest(left) -- puts the handler at many a place
              if left == 0 then return xpcall(coroutine.yield, tostring) end
              return select(1, nest(left - 1))
            end
            nest(depth)
          end)
          coroutine.resume(thread)
          assert(not coroutine.close(thread))
        end
      end)
      print "all is well"
    ]]
    assert.equal("all is well\n", result.out)
    assert.equal(0, result.code)
  end)
end)
