-- SPDX-License-Identifier: MIT
-- Runs a script in an interpreter of its own, as `lua5.4 script.lua` does: for what concerns the whole
-- process, such as standard error, signals and the exit status.

local function quote(text)
  return "'" .. text:gsub("'", [['\'']]) .. "'"
end

-- The interpreter that runs the specs.
local function interpreter()
  local lowest = 0
  while arg and arg[lowest - 1] do lowest = lowest - 1 end
  return lowest < 0 and arg[lowest] or "lua5.4"
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

local function read_and_remove(path)
  local file <close> = assert(io.open(path, "rb"))
  local text = file:read("a")
  os.remove(path)
  return text
end

-- The first line of the scripts. When ctrl_c() returns, the script has got SIGINT. on_line(command) gives a
-- pipe: the shell command is run once a line was written into it.
local PRELUDE = table.concat({
  'local async = require "saros"',
  'local function ctrl_c() io.popen("kill -INT $PPID"):close() end',
  'local function on_line(command) return io.popen("read line; " .. command, "w") end',
  "local _ = ctrl_c, on_line\n",
}, "; ")

-- Sanitizers want to be first in the interpreter only, not in the tools that start it.
local function environment(extra)
  local parts = {"env", "-u", "LUA_INIT", "-u", "LUA_INIT_5_4", "-u", "SAROS_DEBUG"}
  local variables = {LUA_PATH_5_4 = package.path, LUA_CPATH_5_4 = package.cpath, LD_PRELOAD = os.getenv "LD_PRELOAD"}
  for name, value in pairs(extra or {}) do variables[name] = value end
  for name, value in pairs(variables) do parts[#parts + 1] = quote(name .. "=" .. value) end
  return table.concat(parts, " ")
end

---@param source string  begins in the script's second line; `async`, `ctrl_c` and `on_line` are there
---@param options? {env: table, bare: boolean, descriptors: integer, stack: integer}  `bare`: without that first line;
---  `descriptors`: how many there may be; `stack`: of C, in KiB
---@return {out: string, err: string, code: integer?, signal: integer?, path: string}
return function(source, options)
  local path = os.tmpname()
  local out, err = path .. ".out", path .. ".err"
  write(path, (options and options.bare and "" or PRELUDE) .. source)
  local limit = options and options.descriptors and ("ulimit -n %d; "):format(options.descriptors) or ""
  if options and options.stack then limit = limit .. ("ulimit -s %d; "):format(options.stack) end
  local command = limit .. ("exec env -u LD_PRELOAD timeout --foreground 300 %s %s %s >%s 2>%s </dev/null"):format(
    environment(options and options.env), quote(interpreter()), quote(path), quote(out), quote(err))
  local _, kind, number = os.execute(command)
  os.remove(path)
  if kind == "exit" and number > 128 then kind, number = "signal", number - 128 end
  return {
    out = read_and_remove(out),
    err = read_and_remove(err),
    code = kind == "exit" and number or nil,
    signal = kind == "signal" and number or nil,
    path = path,
  }
end
