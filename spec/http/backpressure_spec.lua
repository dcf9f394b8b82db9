-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local tasks = require "spec.support.tasks"

local inside, caught = tasks.inside, tasks.caught

-- Around what the system, libcurl and the buffer of a response take at once.
local sizes = { 1, 16384, 65535, 65536, 65537, 90000, 131072, 131073, 262145 }

local HEAD = "HTTP/1.1 200 OK\r\nConnection: close\r\n"

-- Steps that send a head and `size` bytes of a body that has 7 more.
local framings = {
  ["a length"] = function(size)
    return { "send", HEAD .. ("Content-Length: %d\r\n\r\n"):format(size + 7) }, { "send", "x", size }
  end,
  ["chunks"] = function(size)
    return { "send", HEAD .. ("Transfer-Encoding: chunked\r\n\r\n%x\r\n"):format(size) }, { "send", "x", size }
  end,
  ["the connection's end"] = function(size)
    return { "send", HEAD .. "\r\n" }, { "send", "x", size }
  end,
}

local rests = { ["a length"] = "A piece", ["chunks"] = "\r\n7\r\nA piece\r\n", ["the connection's end"] = "A piece" }

local function url_of(scheme, ...)
  local url = rogue:script(...)
  if scheme == "http" then return url end
  return (url:gsub("^http://[^/]*", rogue:at("tls", "", "https")))
end

local options = { ca_file = rogue.ports.ca, timeout = { total = 60 } }

local function with(more)
  for name, value in pairs(options) do
    if more[name] == nil then more[name] = value end
  end
  return more
end

local name = os.tmpname()

-- How a body is read: each gives the number of bytes that came, and raises what ended it.
local readers = {
  read = function(response, count)
    for piece in function() return response:read() end do count(#piece) end
  end,
  ["a short read"] = function(response, count)
    for piece in function() return response:read(10000) end do count(#piece) end
  end,
  chunks = function(response, count)
    for piece in response:chunks() do count(#piece) end
  end,
}

local whole = {
  text = function(response) return response:text() end,
  json = function(response) return response:json() end,
  save = function(response) return response:save(name) end,
  lines = function(response)
    for _ in response:lines() do end -- luacheck: ignore 542
  end,
}

-- The bytes that came, and the error.
local function drain(read, response)
  local size = 0
  local err = caught(read, response, function(count) size = size + count end)
  return size, err
end

-- Gives the loop time to read all that it wants to.
local function late()
  async.sleep(0.005)
end

describe("a body over max_body_size", function()
  teardown(function() os.remove(name) end)

  for scheme in pairs { http = true, https = true } do
    for framing, steps in pairs(framings) do
      for _, is_late in ipairs { false, true } do
        local title = ("with %s over %s, read %s, "):format(framing, scheme, is_late and "late" or "at once")

        it(title .. "gives what fits and then the failure", inside(function()
          for _, read in pairs(readers) do
            for _, size in ipairs(sizes) do
              local session <close> = http.session()
              local head, body = steps(size)
              local response = session:get(url_of(scheme, head, body, { "send", rests[framing] }, { "hang" }),
                with { max_body_size = size })
              if is_late then late() end
              local count, err = drain(read, response)
              assert.same({ size, "ETOOLARGE" }, { count, err.code })
              assert.equal(0, session:stats().active)
            end
          end
        end))

        it(title .. "fails as a whole, at once", inside(function()
          for _, read in pairs(whole) do
            for _, size in ipairs { 65536, 100000 } do
              local session <close> = http.session()
              local head, body = steps(size)
              local response = session:get(url_of(scheme, head, body, { "send", rests[framing] }, { "hang" }),
                with { max_body_size = size })
              if is_late then late() end
              assert.equal("ETOOLARGE", caught(read, response).code)
              assert.equal(0, session:stats().active)
            end
          end
        end))
      end
    end
  end
end)

describe("what arrived before a late failure", function()
  local failures = {
    ["a broken chunk"] = { "chunks", { { "send", "\r\nno chunk\r\n" }, { "hang" } }, "EPROTO" },
    ["the end within the chunks"] = { "chunks", { { "close" } }, "ETRUNCATED" },
    ["the end before the length"] = { "a length", { { "close" } }, "ETRUNCATED" },
  }

  for scheme in pairs { http = true, https = true } do
    for what, failure in pairs(failures) do
      for _, is_late in ipairs { false, true } do
        it(("is handed out before it: %s over %s, read %s"):format(what, scheme, is_late and "late" or "at once"),
          inside(function()
            local framing, ending, code = table.unpack(failure)
            for _, read in pairs(readers) do
              for _, size in ipairs(sizes) do
                local head, body = framings[framing](size)
                local response = http.get(url_of(scheme, head, body, table.unpack(ending)), with {})
                if is_late then late() end
                local count, err = drain(read, response)
                assert.same({ size, code }, { count, err.code })
              end
            end
          end))
      end
    end
  end
end)
