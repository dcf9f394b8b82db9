-- SPDX-License-Identifier: MIT
-- Looks for the longest gap between primes, on all cores, while the loop stays free: it prints dots meanwhile.
--
--   lua5.4 examples/primes.lua            below 300000
--   lua5.4 examples/primes.lua 10000000   below that

local async = require "saros"

local PIECE = 20000 -- numbers that one job looks at

-- Runs in the threads: the primes of one piece, as the first, the last, and the longest gap between two in it.
local function search(first)
  local function is_prime(n)
    if n % 2 == 0 then return n == 2 end
    for d = 3, math.floor(n ^ 0.5), 2 do
      if n % d == 0 then return false end
    end
    return n > 1
  end

  local found = { count = 0, gap = 0 }
  for n = first, first + PIECE - 1 do
    if is_prime(n) then
      found.count = found.count + 1
      found.first = found.first or n
      if found.last and n - found.last > found.gap then
        found.gap, found.at = n - found.last, found.last
      end
      found.last = n
    end
  end
  return found
end

-- Gaps may reach from one piece to the next.
local function join(pieces)
  local all = { count = 0, gap = 0 }
  for _, piece in ipairs(pieces) do
    if all.last and piece.first and piece.first - all.last > all.gap then
      all.gap, all.at = piece.first - all.last, all.last
    end
    if piece.gap > all.gap then all.gap, all.at = piece.gap, piece.at end
    all.count, all.last = all.count + piece.count, piece.last or all.last
  end
  return all
end

async.run(function()
  local limit = tonumber(arg[1]) or 300000
  local pool <close> = async.thread_pool()

  -- An iterator, asked whenever a thread is free.
  local position = 1 - PIECE
  local function next_piece()
    position = position + PIECE
    return position < limit and position or nil
  end

  local pieces = pool:map(next_piece, search, {
    on_progress = function() io.stderr:write "." end,
  })
  io.stderr:write "\n"
  local all = join(pieces)
  print(("%d primes, the longest gap is %d, behind %d"):format(all.count, all.gap, all.at))
end)
