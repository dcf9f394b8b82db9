-- SPDX-License-Identifier: MIT
-- Certificates for the specs of TLS, made once by certificates.py: the paths of files, removed with this process.

local background = require "spec.support.background"

local registry = debug.getregistry()
local KEY = "spec.support.certificates"

---@class Certificates
---@field ca string            the authority that signed all that follow
---@field server string        for localhost, 127.0.0.1, ::1 and example.test; with its key, as all of them
---@field server_key string
---@field expired string       for the same names, but of the day before
---@field other string         for other.example and www.other.example
---@field client string        of a client
---@field bundle string        certificate and key of `server` in one file
---@field stranger string      has signed itself
---@field garbage string       no certificate at all

---@return Certificates
return function()
  if not registry[KEY] then
    local files, pipe = background "certificates.py"
    registry[KEY] = { files = files, pipe = pipe }
  end
  return registry[KEY].files
end
