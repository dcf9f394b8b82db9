-- SPDX-License-Identifier: MIT
-- The output handler of ./dev test: one line for each spec file, failures where they happen.
--
-- Into the file named by SAROS_REPORT it keeps one line, "STATE passed failed skipped WHERE", up to
-- date before each spec starts. So a crash of the whole process is attributed to the spec that caused
-- it, and "done" is there only if busted really came to its end.

local pretty = require "pl.pretty"

-- Taken before any spec can put something in their place.
local write, open, clock = io.write, io.open, require("system").monotime

local function place(element)
  local trace = element.trace
  return trace and trace.short_src and trace.short_src .. ":" .. trace.currentline or element.name or "?"
end

local function text(message)
  if type(message) == "string" then return message end
  return message == nil and "(nil)" or type(message) == "table" and getmetatable(message) and tostring(message)
    or pretty.write(message)
end

return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()
  local path = os.getenv "SAROS_REPORT"
  local file, before, started
  local left_out = {}

  local function counts()
    return handler.successesCount, handler.failuresCount + handler.errorsCount, handler.pendingsCount
  end

  local function keep(state, where)
    if not path then return end
    local report <close> = assert(open(path, "w"))
    local passed, failed, skipped = counts()
    report:write(("%s %d %d %d %s\n"):format(state, passed, failed, skipped, (where:gsub("%c", " "))))
  end

  local function say(format, ...)
    write(format:format(...))
    io.stdout:flush()
  end

  local function show(kind, element, message, trace)
    say("\n%s %s: %s\n%s\n", kind, place(element), handler.getFullName(element), text(message))
    if options.verbose and trace and trace.traceback then say("%s\n", trace.traceback) end
  end

  local function failure(element, _, message, trace)
    show("FAILED", element, message, trace)
    return nil, true
  end

  function handler.fileStart(element)
    file, before, started = element.name, {counts()}, clock()
    keep("running", file)
    say("%s ...", file)
    return nil, true
  end

  function handler.fileEnd()
    local passed, failed, skipped = counts()
    say(" %d passed", passed - before[1])
    if failed > before[2] then say(", %d FAILED", failed - before[2]) end
    if skipped > before[3] then say(", %d skipped", skipped - before[3]) end
    say(" (%.2f s)\n", clock() - started)
    return nil, true
  end

  function handler.testStart(element)
    keep("running", place(element) .. ": " .. handler.getFullName(element))
    return nil, true
  end

  -- Specs that a file has left out, see backend.own_only.
  function handler.leftOut(why)
    left_out[#left_out + 1] = ("%s: own connections only, as %s\n"):format(file, why)
    return nil, true
  end

  function handler.suiteEnd()
    say("%s", table.concat(left_out))
    for _, pending in ipairs(handler.pendings) do
      say("skipped %s: %s%s\n", place(pending), pending.name, pending.message and " - " .. text(pending.message) or "")
    end
    return nil, true
  end

  -- The last thing busted does, so that a failure in the teardown of the suite is counted, too.
  function handler.exit()
    keep("done", "")
    return nil, true
  end

  busted.subscribe({"file", "start"}, handler.fileStart)
  busted.subscribe({"file", "end"}, handler.fileEnd)
  busted.subscribe({"test", "start"}, handler.testStart)
  busted.subscribe({"saros", "left out"}, handler.leftOut)
  busted.subscribe({"suite", "end"}, handler.suiteEnd)
  busted.subscribe({"failure"}, failure)
  busted.subscribe({"error"}, failure)
  busted.subscribe({"exit"}, handler.exit)
  return handler
end
