-- SPDX-License-Identifier: MIT
-- What the system says of this process; nil where it does not say it as Linux does.

local proc = {}

---The number of open descriptors. It is written into a file: of a pipe one would not know how many ends are open yet.
function proc.descriptors()
  local path = os.tmpname()
  os.execute(("ls /proc/$PPID/fd >'%s' 2>/dev/null"):format(path))
  local file <close> = assert(io.open(path))
  local _, count = file:read("a"):gsub("\n", "")
  os.remove(path)
  return count ~= 0 and count or nil
end

---The same when the collector has closed what former specs have left open, above all the pipes to their servers.
function proc.descriptors_kept()
  collectgarbage()
  collectgarbage()
  return proc.descriptors()
end

---The bytes of memory in use; nil also under a sanitizer, most of whose memory is its own.
function proc.resident()
  collectgarbage()
  local file = not os.getenv "ASAN_OPTIONS" and io.open("/proc/self/statm", "r")
  if not file then return nil end
  local _, pages = file:read("n", "n")
  file:close()
  return pages * 4096
end

---The bytes read from files so far.
function proc.bytes_read()
  local file <close> = io.open("/proc/self/io", "r")
  return file and math.tointeger(file:read("a"):match "rchar: (%d+)")
end

return proc
