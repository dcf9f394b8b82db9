-- SPDX-License-Identifier: MIT
-- Two streams with TLS between them, and a wire between the two that does as it is told.

local async = require "saros"
local certificates = require "spec.support.certificates"()

local tls = { certificates = certificates }

---Options of a client that trusts our authority, and those given.
function tls.client(options)
  local all = { ca_file = certificates.ca, server_name = "localhost" }
  for name, value in pairs(options or {}) do all[name] = value end
  return all
end

---Options of a server that has our certificate, and those given.
function tls.server(options)
  local all = { server = true, cert = certificates.server, key = certificates.server_key }
  for name, value in pairs(options or {}) do all[name] = value end
  return all
end

---For <close>: closes all of these.
function tls.closing(...)
  local all = { ... }
  return setmetatable(all, {
    __close = function()
      for _, stream in ipairs(all) do
        local _held <close> = stream
      end
    end,
  })
end

---Both handshakes at once over two connected streams. Returns the streams, or raises the client's error before the
---server's.
function tls.shake(client, server, client_options, server_options)
  local results, errors = async.gather({
    function() return client:start_tls(tls.client(client_options)) end,
    function() return server:start_tls(tls.server(server_options)) end,
  }, { return_errors = true })
  if errors[1] or errors[2] then
    client:close()
    server:close()
    error(errors[1] or errors[2])
  end
  return results[1], results[2]
end

---Two connected streams over TLS.
function tls.pair(client_options, server_options)
  local client, server = async.net.pair()
  return tls.shake(client, server, client_options, server_options)
end

---The errors of both sides of a handshake.
function tls.failures(client_options, server_options)
  local client, server = async.net.pair()
  local _held <close> = tls.closing(client, server)
  local _, errors = async.gather({
    function()
      client:start_tls(tls.client(client_options))
      -- With TLS 1.3 a client learns of what the server refuses when it reads.
      client:read()
    end,
    function() server:start_tls(tls.server(server_options)) end,
  }, { return_errors = true })
  return errors[1], errors[2]
end

---For `wire`: every byte by itself.
function tls.bytewise(data, send)
  for i = 1, #data do send(data:sub(i, i)) end
end

---Two streams without TLS, `near` and `far`, whose bytes a task hands on; to_far(data, send) does so in one direction
---and to_near in the other. The tasks end with the streams.
function tls.wire(to_far, to_near)
  local near, near_end = async.net.pair()
  local far_end, far = async.net.pair()
  local function forward(from, to, hand_on)
    local function send(data) to:write(data) end
    for data in from:chunks() do (hand_on or tls.as_it_is)(data, send) end
    to:shutdown()
  end
  local function carry(from, to, hand_on)
    return async.spawn(function() async.pcall(forward, from, to, hand_on) end)
  end
  local there, back = carry(near_end, far_end, to_far), carry(far_end, near_end, to_near)
  local wire = setmetatable({ near_end = near_end, far_end = far_end }, {
    __close = function()
      there:close()
      back:close()
      near_end:close()
      far_end:close()
    end,
  })
  return near, far, wire
end

function tls.as_it_is(data, send)
  send(data)
end

return tls
