-- SPDX-License-Identifier: MIT
-- Bodies that come in records of TLS, and a reader that is late: what libcurl holds back then is handed out by
-- its timer, not by the socket.
local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()

--- A URL that sends `count` pieces of `size` bytes, then holds the connection open.
local function url_of(scheme, size, count)
  local head = ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(size * count)
  local url = rogue:script({ "send", head }, { "send", ("x"):rep(size), count }, { "hang" })
  return scheme == "https" and url:gsub("^http://[^/]+", rogue:at("tls", "", "https")) or url
end

local readers = {
  text = function(response) return #response:text() end,
  read = function(response)
    local total = 0
    for chunk in response:chunks() do
      total = total + #chunk
    end
    return total
  end,
  ["a slow read"] = function(response)
    local total = 0
    for chunk in response:chunks() do
      total = total + #chunk
      if total % 7 == 0 then
        async.sleep(0.001)
      end
    end
    return total
  end,
}

describe("a late reader", function()
  for _, scheme in ipairs { "http", "https" } do
    for _, pieces in ipairs { { 100, 3000 }, { 1000, 1000 }, { 16384, 64 }, { 20000, 50 } } do
      for name, read in pairs(readers) do
        local size, count = pieces[1], pieces[2]
        it(("gets %d times %d bytes over %s by %s"):format(count, size, scheme, name), function()
          async.run(function()
            local session <close> = http.session { timeout = 60, verify = false }
            local before = async.now()
            local response = session:get((url_of(scheme, size, count)))
            async.sleep(0.1)
            assert.equal(size * count, read(response))
            assert.is_true(async.now() - before < 30)
          end)
        end)
      end
    end
  end
end)
