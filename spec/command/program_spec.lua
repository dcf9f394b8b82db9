-- SPDX-License-Identifier: MIT
-- The saros command without a terminal: what it runs, what it prints, and how it ends.
local async = require "saros"
local command = require "spec.support.command"
local processes = require "spec.support.processes"
local folder = require "spec.support.folder"
local counted = processes.counted

-- A file with that text, removed when the block is left.
local function script(text)
  local path = os.tmpname()
  async.fs.write_file(path, text)
  return path, setmetatable({}, { __close = function() os.remove(path) end })
end

local function run(...)
  return command.run { ... }
end

local function run_script(text, ...)
  local path, _held <close> = script(text)
  local result = command.run({ path, ... })
  result.stderr = result.stderr:gsub(path:gsub("%p", "%%%0"), "script.lua")
  return result
end

describe("the saros command", function()
  it("runs a script whose top level may wait", counted(function()
    local result = run_script [[
      local async = require "saros"
      local function twice(n) async.sleep(0) return 2 * n end
      print(async.gather(function() return twice(1) end, function() return twice(2) end))]]
    assert.same({ exit_code = 0, stdout = "2\t4\n", stderr = "" }, result)
  end))

  it("gives a script the arguments and arg that lua gives", counted(function()
    local path, _held <close> = script [[
      print(...)
      for i = -2, #arg do if arg[i] and i ~= -3 then print(i, (arg[i]:gsub("^.*lua%d?.?%d?$", "command"))) end end]]
    for _, arguments in ipairs { {}, { "a", "-e", "--", "" } } do
      local words = table.move(arguments, 1, #arguments, 4, { "-e", "x = 1", path })
      local theirs = async.process.run(table.move(words, 1, #words, 2, { processes.lua }))
      assert.equal(theirs.stdout, command.run(words).stdout)
    end
    local alone = command.run { "-e", "print(arg[0], #arg, arg[1])" }
    assert.equal("saros\t2\t-e\n", alone.stdout)
  end))

  it("runs code and modules in their order, in one run with the script", counted(function()
    local path, _held <close> = script "task:await() print(up('script'), s == string)"
    local result = run("-e", "task = async.spawn(function() async.sleep(0) print 'task' end)", "-l", "s=string",
      "-eup = s.upper", path)
    assert.same({ exit_code = 0, stdout = "task\nSCRIPT\ttrue\n", stderr = "" }, result)
  end))

  it("loads a module into the global of its name, without its version", folder.with(function(path)
    folder.write(path .. "/m-v2.lua", "return {name = ...}")
    local result = command.run({ "-l", "m-v2", "-e", "print(m.name)" }, { extend_env = {
      LUA_PATH_5_4 = path .. "/?.lua;" .. package.path } })
    assert.same({ exit_code = 0, stdout = "m-v2\n", stderr = "" }, result)
  end))

  it("runs standard input, with arguments if it is named", counted(function()
    local text = "#!/usr/bin/saros\nasync.sleep(0) print(..., arg[0], arg[1])"
    assert.equal("nil\tsaros\tnil\n", command.run({}, { input = text }).stdout)
    assert.equal("x\t-\tx\n", command.run({ "-", "x" }, { input = text }).stdout)
  end))

  it("lets tasks go on while standard input is read", counted(function()
    local child <close> = command.spawn { "-e", "async.spawn(function() print 'on' io.stdout:flush() end)", "-" }
    assert.equal("on", child.stdout:read_line())
    child.stdin:write "print 'end'"
    child.stdin:shutdown()
    assert.equal("end\n", child.stdout:read_all())
    assert.equal(0, child:wait())
  end))

  it("gives async to code and to standard input; a script asks for it", counted(function()
    assert.equal("nil\n", run_script("print(async)").stdout)
    assert.equal("true\n", run("-e", "print(async == require 'saros')").stdout)
  end))

  it("cancels what is left at the end, in order, with its cleanup", counted(function()
    local result = run("-e", [[
      for i = 1, 2 do
        async.spawn(function()
          local _ <close> = async.defer(function() async.sleep(0) print("cleanup", i) end)
          async.sleep(1000)
        end)
      end
      async.sleep(0)]])
    assert.same({ exit_code = 0, stdout = "cleanup\t1\ncleanup\t2\n", stderr = "" }, result)
  end))
end)

describe("an error in a program run by saros", function()
  it("ends it with status 1 and is shown with the traceback of all tasks it came through", counted(function()
    local result = run_script [[
local async = require "saros"
local function fail() async.sleep(0) error "boom" end
async.gather(function() fail() end)]]
    assert.equal(1, result.exit_code)
    assert.equal("", result.stdout)
    assert.matches("^saros: script.lua:2: boom\nstack traceback:.*script.lua:2:.*awaited by:.*script.lua:3:",
      result.stderr)
    assert.matches("%[task 'main' spawned at script.lua:1%]\n$", result.stderr)
    assert.is_nil(result.stderr:find("saros/command", 1, true))
  end))

  it("is shown whatever it is", counted(function()
    local system = run("-e", "async.fs.read_file '/no/such/file'").stderr
    assert.matches("^saros: SystemError: open /no/such/file: .*traceback:.*%(command line%):1:", system)
    local table_ = run("-e", "error {}").stderr
    assert.matches("^saros: %(error object is a table value%)\nstack traceback:.*line%):1:", table_)
    assert.matches("^saros: %(error object is a nil value%)\n", run("-e", "error()").stderr)
    local own = run("-e", "error(setmetatable({}, {__tostring = function() return 'mine' end}))").stderr
    assert.matches("^saros: mine\nstack traceback:.*line%):1:", own)
  end))

  it("is one of a script that is not there, or is no Lua", counted(function()
    assert.same({ exit_code = 1, stdout = "", stderr = "saros: cannot open /no/such/script.lua" },
      (function(result) result.stderr = result.stderr:gsub(":? ?No such.*", "") return result end)(
        run "/no/such/script.lua"))
    assert.same({ exit_code = 1, stdout = "", stderr = "saros: (command line):1: syntax error near 'x'\n" },
      run("-e", "x x"))
  end))

  it("is one of a module that is not there, in the place of the command line", counted(function()
    local result = run("-l", "no_such_module")
    assert.equal(1, result.exit_code)
    assert.matches("^saros: %(command line%):1: module 'no_such_module' not found:", result.stderr)
  end))

  it("is a deadlock: the command itself keeps none from being seen", counted(function()
    local result = run("-e", "async.event():wait()")
    assert.equal(1, result.exit_code)
    assert.matches("^saros: DeadlockError: nothing can wake the waiting tasks: 'main' waits for event", result.stderr)
  end))

  it("may be an exit of any status", counted(function()
    assert.equal(7, run("-e", "async.sleep(0) os.exit(7, true)").exit_code)
    assert.equal(0, run("-e", "async.spawn(function() os.exit(0) end) async.sleep(1000)").exit_code)
  end))
end)

describe("Ctrl-C in a program run by saros", function()
  -- Once the code waits, or a moment before if it never does. The exit status, and what it has written.
  local function interrupt(code)
    local ready = "print 'ready' io.stdout:flush() "
    if not code:find "while" then ready = ("async.spawn(function() %s end) "):format(ready) end
    local child <close> = command.spawn { "-e", ready .. code }
    assert.equal("ready", child.stdout:read_line())
    child:kill "SIGINT"
    return child:wait(), child.stderr:read_all(), child.stdout:read_all()
  end

  it("ends it with status 130, and without many words", counted(function()
    assert.same({ 130, "", "" }, { interrupt "async.sleep(1000)" })
    assert.same({ 130, "", "" }, { interrupt "while true do end" })
  end))

  it("lets cleanup run, in groups too", counted(function()
    assert.same({ 130, "", "bye\n" }, { interrupt [[
      local group <close> = async.task_group()
      group:start(function(started)
        local _ <close> = async.defer(function() async.sleep(0) print "bye" end)
        started()
        async.sleep(1000)
      end)
      async.sleep(1000)]] })
  end))

  it("can be dealt with by the program", counted(function()
    assert.same({ 0, "", "caught\n" }, { interrupt [[
      async.catch("InterruptError", async.sleep, 1000) print "caught"]] })
  end))
end)

describe("SIGUSR1 to a program run by saros", function()
  it("prints the tree of its tasks, time and again", counted(function()
    local child <close> = command.spawn { "-e", [[
      async.spawn(function() async.sleep(1000) end):set_name "sleeper"
      async.spawn(function() print "ready" io.stdout:flush() async.sleep(1000) end):set_name "last"
      async.event():wait()]] }
    assert.equal("ready", child.stdout:read_line())
    for _ = 1, 2 do
      child:kill "SIGUSR1"
      assert.matches("^main: waiting for event at %(command line%):3", child.stderr:read_line())
      assert.matches("^sleeper: waiting for sleep at %(command line%):1", child.stderr:read_line())
      assert.matches("^last: ", child.stderr:read_line())
    end
  end))

  it("shows where a task is that never waits", counted(function()
    local child <close> = command.spawn { "-e", "print 'ready' io.stdout:flush()\nwhile true do\nend" }
    assert.equal("ready", child.stdout:read_line())
    child:kill "SIGUSR1"
    assert.matches("^main: running at %(command line%):[123] ", child.stderr:read_line())
  end))

  it("is the program's own while that listens for it", counted(function()
    local child <close> = command.spawn { "-e", [[
      local signals = async.signals "SIGUSR1"
      print "ready" io.stdout:flush()
      print(signals()) io.stdout:flush()
      signals:close()
      print "ready again" io.stdout:flush()
      async.sleep(1000)]] }
    assert.equal("ready", child.stdout:read_line())
    child:kill "SIGUSR1"
    assert.equal("SIGUSR1", child.stdout:read_line())
    assert.equal("ready again", child.stdout:read_line())
    child:kill "SIGUSR1"
    assert.matches("^main: ", child.stderr:read_line())
  end))
end)

describe("an option of the saros command", function()
  it("--debug switches debug mode on", counted(function()
    local swallows = [[
      local task = async.spawn(function() pcall(async.sleep, 1000) end)
      async.sleep(0)
      task:cancel()
      pcall(task.await, task)]]
    assert.equal("", run("-e", swallows).stderr)
    assert.matches("^saros: debug: task 'task%-2' swallowed a cancellation", run("--debug", "-e", swallows).stderr)
  end))

  it("-W shows warnings", counted(function()
    assert.equal("", run("-e", "warn 'careful'").stderr)
    assert.equal("Lua warning: careful\n", run("-W", "-e", "warn 'careful'").stderr)
  end))

  it("-v and --help tell what there is", counted(function()
    assert.matches("^saros %d+%.%d+%.%d+  Lua 5%.%d  libuv %S+\n$", run("-v").stdout)
    local help = run("--help").stdout
    for _, option in ipairs { "-e code", "-l name", "--debug", "--timeline", "jobs QUEUE" } do
      assert.is_truthy(help:find(option, 1, true), option)
    end
  end))

  it("that is not there is told, with those that are", counted(function()
    for words, message in pairs {
      ["--dbug x.lua"] = "unrecognized option '--dbug'", ["-e"] = "'-e' needs an argument",
      ["--timeline"] = "'--timeline' needs an argument", ["jobs"] = "jobs: the name of a queue is missing",
      ["jobs q --wach"] = "unrecognized argument '--wach' of jobs",
      ["jobs q --redisurl"] = "unrecognized argument '--redisurl' of jobs",
    } do
      local arguments = {}
      for word in words:gmatch "%S+" do arguments[#arguments + 1] = word end
      local result = command.run(arguments)
      assert.equal(1, result.exit_code)
      assert.equal(("saros: %s\nusage: "):format(message), result.stderr:sub(1, #message + 15))
    end
  end))
end)

describe("saros jobs", function()
  local redis_server = require "spec.support.redis_server"
  local server

  setup(function() server = redis_server.start() end)
  teardown(function() server:close() end)

  it("shows a queue", function()
    async.run(function()
      local client <close> = require("saros.redis").connect(server.url)
      require("saros.jobs").queue(client, "mail"):add("send", {})
      local result = run("jobs", "mail", "--redis", server.url)
      assert.same({
        exit_code = 0, stdout = "mail: waiting 1, late 0, running 0, dead 0, done 0, failed 0\n", stderr = "",
      }, result)
    end)
  end)
end)

describe("the installed command", function()
  it("finds the modules that were installed with it, from anywhere and by a link", folder.with(function(path)
    local build = command.path:match "^(.*)/bin/saros$"
    local installed = processes.run { "cmake", "--install", build, "--prefix", path .. "/prefix" }
    assert.equal(0, installed.exit_code, installed.stderr)
    async.fs.symlink(path .. "/prefix/bin/saros", path .. "/link")
    for _, name in ipairs { "prefix/bin/saros", "link" } do
      local result = async.process.run(
        { path .. "/" .. name, "-e", "async.sleep(0) print(package.searchpath('saros', package.path))" },
        { cwd = "/", extend_env = {
          LUA_PATH = false, LUA_CPATH = false, LUA_PATH_5_4 = false, LUA_CPATH_5_4 = false,
        } })
      assert.equal("", result.stderr)
      assert.matches("/prefix/.*share/lua/5%.%d/saros/init%.lua\n$", result.stdout)
    end
  end))
end)
