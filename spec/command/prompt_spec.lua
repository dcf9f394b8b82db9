-- SPDX-License-Identifier: MIT
-- The prompt of the saros command, on a terminal.
local async = require "saros"
local command = require "spec.support.command"
local folder = require "spec.support.folder"

-- The body of an `it`: fn(talk, path) with a prompt whose history is in the folder `path`.
local function talking(fn, env, ...)
  local arguments = { ... }
  return folder.with(function(path)
    local extended = { XDG_STATE_HOME = path }
    for name, value in pairs(env or {}) do extended[name] = value end
    local talk <close> = command.talk(arguments, extended)
    fn(talk, path)
  end)
end

local PLAIN = { TERM = "dumb" } -- as a terminal that cannot edit lines is called

for kind, env in pairs { ["by readline"] = {}, ["plain"] = PLAIN } do
  describe("the prompt, " .. kind, function()
    it("prints values as print does; nothing is printed for nothing", talking(function(talk)
      talk:enter("1 + 1", "2")
      talk:enter("nil, 'x'", "nil\tx")
      talk:enter("= 3 * 3", "9")
      talk:enter "x = 3"
      talk:enter("x", "3")
      talk:enter "(function() end)()"
      talk:enter("async == require 'saros'", "true")
      assert.equal(0, talk:leave())
    end, env))

    it("may wait, and tasks go on while it waits for a line", talking(function(talk)
      talk:enter("async.sleep(0)")
      talk:enter("async.gather(function() return 1 end, function() async.sleep(0) return 2 end)", "1\t2")
      talk:type "task = async.spawn(function() async.sleep(0.01) print 'in between' end)\n"
      talk:expect "in between\n" -- be it before the prompt, be it after it
      talk:enter("task:status()", "done")
    end, env))

    it("reads on while a chunk is incomplete", talking(function(talk)
      talk:type "for i = 1, 2 do\n"
      talk:expect ">> "
      talk:type "print(i) end\n"
      talk:expect "print(i) end\n"
      assert.equal("1\n2\n", talk:expect "> ")
    end, env))

    it("shows errors with their traceback, and goes on", talking(function(talk)
      talk:type "error 'boom'\n"
      talk:expect "stdin:1: boom\nstack traceback:"
      talk:expect "> "
      talk:type "async.fs.read_file '/no/such'\n"
      talk:expect "SystemError: open /no/such"
      talk:expect "> "
      talk:type "async.task_group(function(g) g:spawn(error, 'first', 0) g:spawn(error, 'second', 0) end)\n"
      talk:expect "GroupError: 2 tasks of the group failed"
      assert.matches("stack traceback:.*error 1 of 2: first\nerror 2 of 2: second", talk:expect "> ")
      talk:type "error {}\n"
      talk:expect "(error object is a table value)\nstack traceback:"
      talk:expect "> "
      talk:enter("x x", "stdin:1: syntax error near 'x'")
      talk:type "async.event():wait()\n"
      talk:expect "DeadlockError: "
      talk:expect "> "
      talk:enter("2", "2")
    end, env))

    it("is left by Ctrl-D, which cancels what still runs", talking(function(talk)
      talk:enter "function f() local _ <close> = async.defer(print, 'cleaned up') async.sleep(1000) end"
      talk:enter "async.spawn(f) async.sleep(0)"
      assert.equal(0, talk:leave())
      talk:expect "cleaned up"
    end, env))

    it("gives up what runs on Ctrl-C, again and again", talking(function(talk)
      for _ = 1, 2 do
        talk:type "print 'begun' async.sleep(1000)\n"
        talk:expect "begun\n"
        talk:type "\3"
        talk:expect "InterruptError: interrupted"
        talk:expect "> "
        talk:type "print 'begun' while true do end\n"
        talk:expect "\nbegun\n"
        talk:type "\3"
        talk:expect "InterruptError: interrupted"
        talk:expect "> "
      end
      talk:enter("3", "3")
      assert.equal(0, talk:leave())
    end, env))

    it("forgets the line on Ctrl-C", talking(function(talk)
      talk:type "not to be run"
      talk:expect "not to be run"
      talk:type "\3"
      talk:expect "> "
      talk:enter("4", "4")
    end, env))

    it("keeps history in a file that is the user's alone", talking(function(talk, path)
      talk:enter "x = 1"
      talk:enter "x = 1"
      talk:enter "y = 2"
      assert.equal(0, talk:leave())
      assert.equal("x = 1\ny = 2\n", folder.read(path .. "/saros/history"))
      assert.equal(tonumber("600", 8), async.fs.stat(path .. "/saros/history").mode & tonumber("777", 8))
    end, env))
  end)
end

describe("the prompt", function()
  it("goes back to lines that were typed before, in former sessions too", folder.with(function(path)
    async.fs.mkdir(path .. "/saros")
    folder.write(path .. "/saros/history", "print('old' .. 'est')\n")
    local talk <close> = command.talk({}, { XDG_STATE_HOME = path })
    talk:enter("5", "5")
    talk:type "\27[A\27[A\n"
    talk:expect "oldest\n"
  end))

  it("completes names with Tab", talking(function(talk)
    talk:type "async.current_t\t() ~= nil\n"
    talk:expect "\ntrue\n"
    talk:type "async.fs.read_fi\t('/dev/null')\n"
    talk:expect "> "
    talk:type "event = async.event()\nevent:is_\t()\n"
    talk:expect "false\n"
  end))

  it("leaves the terminal as it was, also when a task ends the process meanwhile", folder.with(function(path)
    local code = "async.spawn(function() async.sleep(0.01) os.exit(3) end)"
    local result = async.process.run({
      "python3", "spec/support/terminal.py", "1 + 1\n", "env", "LD_PRELOAD=" .. (os.getenv "LD_PRELOAD" or ""),
      arg[-1] or "lua5.4", command.path, "-i", "-e", code,
    }, { extend_env = { XDG_STATE_HOME = path, TERM = "xterm", LD_PRELOAD = false } })
    assert.matches("as it was 3\n$", result.stdout)
  end))

  it("is shown again when the program goes on after Ctrl-Z", talking(function(talk)
    talk:type "io.open('/proc/self/stat'):read 'n'\n"
    talk:expect "'n'\n"
    local pid = talk:expect("\n"):match "%d+"
    talk:expect "> "
    talk:type "6 +"
    talk:expect "6 +"
    assert(os.execute("kill -CONT " .. pid))
    talk:expect "> 6 +"
    talk:type " 1\n"
    talk:expect "\n7\n"
  end))

  it("comes after a script if it is asked for", talking(function(talk)
    talk:enter("x", "7")
  end, nil, "-i", "-e", "x = 7"))

  it("has async after a script, which has to ask for it, unless the script calls something else so",
    folder.with(function(path)
      folder.write(path .. "/asks.lua", "seen = async")
      folder.write(path .. "/has.lua", "async = 'mine'")
      local asks <close> = command.talk({ "-i", path .. "/asks.lua" }, { XDG_STATE_HOME = path })
      asks:enter("seen, async == require 'saros'", "nil\ttrue")
      local has <close> = command.talk({ "-i", path .. "/has.lua" }, { XDG_STATE_HOME = path })
      has:enter("async", "mine")
    end))

  it("has the prompts that _PROMPT and _PROMPT2 say", talking(function(talk)
    talk:type "_PROMPT = 'more> '\n"
    talk:expect "more> "
  end))
end)
