-- SPDX-License-Identifier: MIT
-- Bodies that come in records of TLS, and a reader that is late: what libcurl holds back then is handed out by
-- its timer, not by the socket.
local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()

-- No two stretches of it are alike.
local numbers = {}
for i = 1, 3000 do numbers[i] = ("%d,"):format(i * 7919) end
local text = table.concat(numbers)

--- A URL that sends a piece `count` times, then holds the connection open.
local function url_of(scheme, piece, count)
  local head = ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(#piece * count)
  local url = rogue:script({ "send", head }, { "send", piece, count }, { "hang" })
  return scheme == "https" and url:gsub("^http://[^/]+", rogue:at("tls", "", "https")) or url
end

-- Reads all chunks; `pause` is called behind each, with their size so far.
local function read_chunks(response, pause)
  local chunks, total = {}, 0
  for chunk in response:chunks() do
    chunks[#chunks + 1] = chunk
    total = total + #chunk
    pause(total)
  end
  return table.concat(chunks)
end

local readers = {
  text = function(response) return response:text() end,
  read = function(response) return read_chunks(response, function() end) end,
  ["a slow read"] = function(response)
    return read_chunks(response, function(total)
      if total % 7 == 0 then async.sleep(0.001) end
    end)
  end,
}

describe("a late reader", function()
  for _, scheme in ipairs { "http", "https" } do
    for _, pieces in ipairs { { 100, 3000 }, { 1000, 1000 }, { 16384, 64 }, { 20000, 50 } } do
      for name, read in pairs(readers) do
        local size, count = pieces[1], pieces[2]
        it(("gets %d times %d bytes over %s by %s"):format(count, size, scheme, name), function()
          local piece = text:sub(1, size)
          async.run(function()
            local session <close> = http.session { timeout = 60, verify = false }
            local before = async.now()
            local response = session:get((url_of(scheme, piece, count)))
            async.sleep(0.1)
            assert.is_true(read(response) == piece:rep(count))
            assert.is_true(async.now() - before < 30)
          end)
        end)
      end
    end
  end
end)
