-- SPDX-License-Identifier: MIT
-- SHA-256 (FIPS 180-4), HMAC (RFC 2104) and PBKDF2 (RFC 8018) in plain Lua: slow, which is why the driver has a worker
-- thread do it.

local K = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}
local START = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 }
local BLOCK, DIGEST = 64, 32

local function rotate(x, n) return x >> n | x << (32 - n) end

-- The sixteen words of a block, and the 48 made of them.
local function schedule(text, at)
  local w = { string.unpack(">" .. ("I4"):rep(16), text, at) }
  for i = 17, 64 do
    local a, b = w[i - 15], w[i - 2]
    local s0 = rotate(a, 7) ~ rotate(a, 18) ~ a >> 3
    local s1 = rotate(b, 17) ~ rotate(b, 19) ~ b >> 10
    w[i] = w[i - 16] + s0 + w[i - 7] + s1 & 0xffffffff
  end
  return w
end

-- The state after the block at a place of the text.
local function compress(state, text, at)
  local w = schedule(text, at)
  local a, b, c, d, e, f, g, h = table.unpack(state)
  for i = 1, 64 do
    local s1 = (rotate(e, 6) ~ rotate(e, 11) ~ rotate(e, 25)) & 0xffffffff
    local t1 = h + s1 + (e & f ~ ~e & g) + K[i] + w[i]
    local s0 = (rotate(a, 2) ~ rotate(a, 13) ~ rotate(a, 22)) & 0xffffffff
    local t2 = s0 + (a & b ~ a & c ~ b & c)
    a, b, c, d, e, f, g, h = t1 + t2 & 0xffffffff, a, b, c, d + t1 & 0xffffffff, e, f, g
  end
  return {
    state[1] + a & 0xffffffff, state[2] + b & 0xffffffff, state[3] + c & 0xffffffff, state[4] + d & 0xffffffff,
    state[5] + e & 0xffffffff, state[6] + f & 0xffffffff, state[7] + g & 0xffffffff, state[8] + h & 0xffffffff,
  }
end

-- Goes on from a state that has seen so many bytes, and ends.
local function finish(state, seen, text)
  local size = seen + #text
  text = text .. "\x80" .. ("\0"):rep((-size - 9) % BLOCK) .. string.pack(">I8", size * 8)
  for at = 1, #text, BLOCK do state = compress(state, text, at) end
  return string.pack(">" .. ("I4"):rep(8), table.unpack(state))
end

local sha256 = {}

---@param text string
---@return string digest  32 bytes
function sha256.digest(text) return finish(START, 0, text) end

local function padded(key, byte)
  return ((key .. ("\0"):rep(BLOCK - #key)):gsub(".", function(c) return string.char(c:byte() ~ byte) end))
end

-- A function that signs with the key, which it has taken in once and for all.
local function signer(key)
  if #key > BLOCK then key = sha256.digest(key) end
  local inner, outer = compress(START, padded(key, 0x36), 1), compress(START, padded(key, 0x5c), 1)
  return function(text) return finish(outer, BLOCK, finish(inner, BLOCK, text)) end
end

---@param key string
---@param text string
---@return string digest
function sha256.hmac(key, text) return signer(key)(text) end

---@param a string
---@param b string  as long as the other
---@return string
function sha256.xor(a, b)
  local words = { string.unpack(("I4"):rep(DIGEST // 4), a) }
  for i, word in ipairs { string.unpack(("I4"):rep(DIGEST // 4), b) } do
    if i <= DIGEST // 4 then words[i] = words[i] ~ word end
  end
  return string.pack(("I4"):rep(DIGEST // 4), table.unpack(words, 1, DIGEST // 4))
end

---The first block of PBKDF2, which is all that SCRAM needs.
---@param password string
---@param salt string
---@param iterations integer
---@return string key  32 bytes
function sha256.pbkdf2(password, salt, iterations)
  local sign = signer(password)
  local u = sign(salt .. "\0\0\0\1")
  local key = u
  for _ = 2, iterations do
    u = sign(u)
    key = sha256.xor(key, u)
  end
  return key
end

return sha256
