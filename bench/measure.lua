-- SPDX-License-Identifier: MIT
-- Runs a workload of that size, and prints what it took.

-- "VmRSS" (memory held now) or "VmHWM" (the most ever held) of this process, in bytes.
local function memory(field)
  for line in io.lines "/proc/self/status" do
    local kib = line:match("^" .. field .. ":%s*(%d+) kB")
    if kib then
      return tonumber(kib) * 1024
    end
  end
end

-- `now` gives seconds.
return function(now, workload, size)
  local before, start = memory "VmRSS", now()
  workload(size)
  local seconds = now() - start
  print(("seconds=%.6f bytes=%d"):format(seconds, memory "VmHWM" - before))
end
