-- SPDX-License-Identifier: MIT
-- SCRAM-SHA-256 (RFC 5802, RFC 7677): each side proves that it knows the password, and nobody sends it.

local async = require "saros"
local sha256 = require "postgres.sha256"

local scram = { name = "SCRAM-SHA-256" }

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local MOST_ITERATIONS = 1000000 -- a server that asks for more is after our time

local function encode64(text)
  local out = {}
  for at = 1, #text, 3 do
    local a, b, c = text:byte(at, at + 2)
    local word = a << 16 | (b or 0) << 8 | (c or 0)
    for shift = 18, 0, -6 do
      local digit = (word >> shift & 63) + 1
      out[#out + 1] = DIGITS:sub(digit, digit)
    end
  end
  local missing = (3 - #text % 3) % 3
  return table.concat(out, "", 1, #out - missing) .. ("="):rep(missing)
end

local function decode64(text)
  local bits, size, out = 0, 0, {}
  for digit in text:gmatch "[%w+/]" do
    bits, size = (bits << 6 | DIGITS:find(digit, 1, true) - 1) & 0xffff, size + 6
    if size >= 8 then
      size = size - 8
      out[#out + 1] = string.char(bits >> size & 255)
    end
  end
  return table.concat(out)
end

-- It has to be new each time, not secret.
local function nonce()
  local parts = {}
  for i = 1, 24 do parts[i] = string.char(math.random(0, 255)) end
  return encode64(table.concat(parts))
end

local keys = {} -- by password, salt and number of rounds: the next connection to the same server has the same

-- 4096 rounds and more of a hash in Lua take long enough to have a core of their own.
local function derive(password, salt, iterations)
  local name = string.pack("s4s4j", password, salt, iterations)
  keys[name] = keys[name] or async.to_thread(function(...)
    return require("postgres.sha256").pbkdf2(...)
  end, password, salt, iterations)
  return keys[name]
end

---A conversation. `first` is what the client says first.
---@param password string
---@return { first: string, mine: string, password: string }
function scram.begin(password)
  local mine = nonce()
  return { password = password, mine = mine, first = "n,,n=,r=" .. mine }
end

---What the client says to the server's first words. The answer to it has to be `expected`.
---@async
---@param talk { first: string, mine: string, password: string, expected: string? }
---@param challenge string
---@return string proof
function scram.answer(talk, challenge)
  local theirs, salt, iterations = challenge:match "^r=([^,]+),s=([^,]+),i=(%d+)"
  iterations = math.tointeger(tonumber(iterations))
  if not theirs or theirs:sub(1, #talk.mine) ~= talk.mine or iterations < 1 or iterations > MOST_ITERATIONS then
    error("the server's SCRAM challenge makes no sense", 0)
  end
  local without_proof = "c=biws,r=" .. theirs
  local signed = talk.first:sub(4) .. "," .. challenge .. "," .. without_proof
  local salted = derive(talk.password, decode64(salt), iterations)
  local client_key = sha256.hmac(salted, "Client Key")
  local signature = sha256.hmac(sha256.digest(client_key), signed)
  talk.expected = "v=" .. encode64(sha256.hmac(sha256.hmac(salted, "Server Key"), signed))
  return without_proof .. ",p=" .. encode64(sha256.xor(client_key, signature))
end

---Raises unless the server has proved that it knows the password, too.
---@param talk { expected: string?, is_verified: boolean? }
---@param final string
function scram.verify(talk, final)
  if final ~= talk.expected then error("the server does not know the password: it may be a forgery", 0) end
  talk.is_verified = true
end

return scram
