-- SPDX-License-Identifier: MIT
-- Streams under every order, and with a cancellation at every await. What a stream carries is numbered, so that what
-- is lost, doubled or interleaved shows.
local async = require "saros"
local explored = require("spec.support.explorer").explored

-- Two streams that are closed at the end of `main`.
local function pair(probe)
  local a, b = async.net.pair()
  return a, b, probe:closes(function()
    a:close()
    b:close()
  end)
end

-- Checks that `text` is a beginning of "1\n2\n3\n...".
local function is_beginning(text, last)
  local expected = {}
  for i = 1, last do expected[i] = i .. "\n" end
  expected = table.concat(expected)
  assert.equal(expected:sub(1, #text), text)
end

describe("streams, explored:", function()
  it("a cancelled read loses no byte", explored(function(probe)
    local got, calls = {}, { "read", "read_line", "read_exactly" }
    return function()
      local a, b, held = pair(probe)
      local _closing <close> = held
      local function reader(kind)
        return function()
          for _ = 1, 2 do
            local keep = kind == "read_line" and { keep = true } or 2
            local ok, data = pcall(b[kind], b, keep)
            if ok and data then got[#got + 1] = data end
            if not ok and not async.is_error(data, "BusyError") then error(data, 0) end
            async.sleep(0)
          end
        end
      end
      probe:together({
        function()
          for i = 1, 6 do
            a:write(i, "\n")
            if i % 2 == 0 then async.sleep(0) end
          end
        end,
        reader(calls[1]), reader(calls[2]), reader(calls[3]),
      }, 0.03)
      async.shield(function()
        if not a:closed() then a:close() end
        local ok, rest = pcall(b.read_all, b)
        if ok then got[#got + 1] = rest end
      end)
    end, function()
      is_beginning(table.concat(got), 6)
    end
  end, { orders = 60, cancels = 120, deadlines = 20, mixed = 30 }))

  it("messages stay whole, and a cancelled one is sent whole or not at all, or the stream is closed",
    explored(function(probe)
      local received, cut = {}, false
      local large = ("x"):rep(150000)
      return function()
        local a, b, held = pair(probe)
        local _closing <close> = held
        local function writer(name)
          return function()
            for i = 1, 2 do
              local ok, err = pcall(a.write, a, name, i, large, "\n")
              if not ok then
                cut = cut or async.is_error(err, "ClosedError")
                error(err, 0)
              end
            end
          end
        end
        local reader = async.spawn(function()
          while true do
            local data = b:read()
            if not data then return end
            received[#received + 1] = data
          end
        end)
        pcall(probe.together, probe, { writer "a", writer "b", writer "c" }, 0.03)
        async.shield(function()
          a:close()
          async.wait({ reader }, { timeout = 0.2 })
        end)
      end, function()
        local seen = {}
        local text, position = table.concat(received), 1
        while true do
          local stop = text:find("\n", position, true)
          if not stop then break end
          local line = text:sub(position, stop - 1)
          position = stop + 1
          local who, number = line:sub(1, 1), tonumber(line:sub(2, 2))
          assert.is_true(line:sub(3) == large)
          assert.is_true(number > (seen[who] or 0))
          seen[who] = number
        end
      end
    end, { orders = 20, cancels = 60, deadlines = 10, mixed = 20, allows = { "ClosedError", "GroupError" } }))

  it("connecting, accepting and closing leave nothing behind", explored(function(probe)
    return function()
      local server <close> = async.net.listen("127.0.0.1", 0)
      local _, port = server:address()
      local function client()
        local stream <close> = async.net.connect("127.0.0.1", port)
        stream:write "x"
        stream:shutdown()
        stream:read_all()
      end
      probe:together({
        function() server:serve(function(stream) stream:write(stream:read_all()) end) end, client, client,
        function()
          async.sleep(0.01)
          server:shutdown(0.1)
        end,
      }, 0.03)
      server:shutdown(0)
    end, function() end
  end, {
    orders = 30, cancels = 120, deadlines = 10, mixed = 20, allows = { "ClosedError", "GroupError", "SystemError" },
  }))

  it("piping loses nothing that has not left", explored(function(probe)
    local got, rest = "", ""
    return function()
      local a, b, held = pair(probe)
      local _closing <close> = held
      local c, d, other = pair(probe)
      local _closing_too <close> = other
      probe:together({
        function()
          for i = 1, 4 do
            a:write(i, "\n")
            async.sleep(0)
          end
        end,
        function() b:pipe_to(c, { shutdown = false }) end,
        function()
          for _ = 1, 3 do got = got .. d:read_line() .. "\n" end
        end,
      }, 0.03)
      async.shield(function()
        a:close()
        c:close()
        rest = d:read_all() .. b:read_all()
      end)
    end, function()
      is_beginning(got .. rest, 4)
    end
  end, { orders = 60, cancels = 100, deadlines = 20, mixed = 30, allows = { "GroupError" } }))
end)
