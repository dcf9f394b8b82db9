-- SPDX-License-Identifier: MIT
-- MD5 (RFC 1321) and SHA-1 (RFC 3174): for protocols that want them, not for anything that is to be safe.

local digest = {}

local function rotate(value, count)
  return ((value << count) | (value >> (32 - count))) & 0xffffffff
end

-- The message with the bit, the zeros and the length that fill its last block.
local function padded(message, length_format)
  return message .. "\x80" .. ("\0"):rep((55 - #message) % 64) .. length_format:pack(#message * 8)
end

local SHIFTS = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 } }
local SINES = {}
for i = 1, 64 do SINES[i] = math.floor(math.abs(math.sin(i)) * 2 ^ 32) end

-- By round: what is mixed, and which word of the block comes in step i (from 0).
local MD5_ROUNDS = {
  { function(b, c, d) return (b & c) | (~b & d) end, function(i) return i end },
  { function(b, c, d) return (b & d) | (c & ~d) end, function(i) return (5 * i + 1) % 16 end },
  { function(b, c, d) return b ~ c ~ d end, function(i) return (3 * i + 5) % 16 end },
  { function(b, c, d) return c ~ (b | (~d & 0xffffffff)) end, function(i) return 7 * i % 16 end },
}

local function md5_block(words, a, b, c, d)
  for i = 0, 63 do
    local round = i // 16 + 1
    local mix, choose = MD5_ROUNDS[round][1], MD5_ROUNDS[round][2]
    local sum = (a + (mix(b, c, d) & 0xffffffff) + SINES[i + 1] + words[choose(i) + 1]) & 0xffffffff
    a, b, c, d = d, (b + rotate(sum, SHIFTS[round][i % 4 + 1])) & 0xffffffff, b, c
  end
  return a, b, c, d
end

---@param message string
---@return string bytes  16 of them
function digest.md5(message)
  local a, b, c, d = 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476
  local text, format = padded(message, "<I8"), "<" .. ("I4"):rep(16)
  for at = 1, #text, 64 do
    local a1, b1, c1, d1 = md5_block({ format:unpack(text, at) }, a, b, c, d)
    a, b, c, d = (a + a1) & 0xffffffff, (b + b1) & 0xffffffff, (c + c1) & 0xffffffff, (d + d1) & 0xffffffff
  end
  return ("<I4I4I4I4"):pack(a, b, c, d)
end

local SHA1_ROUNDS = {
  { function(b, c, d) return (b & c) | (~b & d) end, 0x5a827999 },
  { function(b, c, d) return b ~ c ~ d end, 0x6ed9eba1 },
  { function(b, c, d) return (b & c) | (b & d) | (c & d) end, 0x8f1bbcdc },
  { function(b, c, d) return b ~ c ~ d end, 0xca62c1d6 },
}

local function sha1_block(words, a, b, c, d, e)
  for i = 17, 80 do words[i] = rotate(words[i - 3] ~ words[i - 8] ~ words[i - 14] ~ words[i - 16], 1) end
  for i = 0, 79 do
    local round = SHA1_ROUNDS[i // 20 + 1]
    local sum = (rotate(a, 5) + (round[1](b, c, d) & 0xffffffff) + e + round[2] + words[i + 1]) & 0xffffffff
    a, b, c, d, e = sum, a, rotate(b, 30), c, d
  end
  return a, b, c, d, e
end

---@param message string
---@return string bytes  20 of them
function digest.sha1(message)
  local state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 }
  local text, format = padded(message, ">I8"), ">" .. ("I4"):rep(16)
  for at = 1, #text, 64 do
    local words = { format:unpack(text, at) }
    words[17] = nil -- where unpack ended
    local mixed = { sha1_block(words, table.unpack(state)) }
    for i = 1, 5 do state[i] = (state[i] + mixed[i]) & 0xffffffff end
  end
  return (">I4I4I4I4I4"):pack(table.unpack(state))
end

return digest
