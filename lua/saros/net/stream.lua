-- SPDX-License-Identifier: MIT
-- What streams have that is written in Lua.

local core = require "saros.net.core"
local misuse = require "saros.misuse"

---@class saros.Stream
local Stream = core.stream_methods

---Continues in TLS, in place: as its client, or as the server if the stream was accepted. TLSError.
---@async
---@param given? saros.TLSOptions
---@return saros.Stream self
function Stream:start_tls(given)
  return require("saros.net.tls").start_on(self, given)
end

misuse.guard(Stream, "start_tls")

return Stream
