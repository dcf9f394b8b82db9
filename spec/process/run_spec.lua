-- SPDX-License-Identifier: MIT
local async = require "saros"
local processes = require "spec.support.processes"
local tasks = require "spec.support.tasks"
local counted, run, shell = processes.counted, processes.run, processes.shell
local error_of = tasks.error_of

describe("process.run", function()
  it("gives what a program writes and its exit code", counted(function()
    local result = shell "echo out; echo err >&2; exit 7"
    assert.same({ exit_code = 7, stdout = "out\n", stderr = "err\n" }, result)
  end))

  it("passes arguments as they are, numbers as Lua writes them", counted(function()
    assert.equal("a b|$HOME|*|''|7", run({ "printf", "%s|%s|%s|%s|%s", "a b", "$HOME", "*", "''", 7 }).stdout)
    assert.equal("<>", run({ "printf", "<%s>", "" }).stdout)
  end))

  it("tells a death by signal from an exit code", counted(function()
    for _, name in ipairs { "KILL", "TERM", "USR1", "HUP" } do
      local result = shell("kill -" .. name .. " $$")
      assert.is_nil(result.exit_code)
      assert.equal("SIG" .. name, result.signal)
    end
    local result = shell "exit 137"
    assert.equal(137, result.exit_code)
    assert.is_nil(result.signal)
  end))

  it("gives a child without input an empty one", counted(function()
    assert.equal("", run({ "cat" }).stdout)
    assert.equal("", run({ "cat" }, { stdin = "pipe" }).stdout)
    assert.equal("", run({ "cat" }, { input = "" }).stdout)
  end))

  it("carries 10 MiB each way at once, and all bytes", counted(function()
    local pieces = {}
    for i = 0, 255 do pieces[i + 1] = string.char(i) end
    local large = table.concat(pieces):rep(40960)
    assert.is_true(run({ "cat" }, { input = large }).stdout == large)
    local both = shell("tee /dev/stderr", { input = large })
    assert.is_true(both.stdout == large and both.stderr == large)
  end))

  it("takes the input from a function, piece by piece", counted(function()
    local left = 3
    local result = run({ "cat" }, { input = function()
      async.sleep(0.001)
      left = left - 1
      return left >= 0 and ("%d\n"):format(left) or nil
    end })
    assert.equal("2\n1\n0\n", result.stdout)
    assert.equal("12", run({ "cat" }, { input = 12 }).stdout)
  end))

  it("raises what the function for the input raises, and leaves no child", counted(function()
    local mistake = { code = 7 }
    local ok, err = pcall(run, { "cat" }, { input = function() error(mistake) end })
    assert.is_false(ok)
    assert.equal(mistake, err)
    local broken = async.error { name = "SystemError", code = "ECONNRESET", message = "of a stream that it reads" }
    ok, err = pcall(run, { "cat" }, { input = function() error(broken) end })
    assert.is_false(ok)
    assert.equal(broken, err)
  end))

  it("does not mind a child that does not read its input", counted(function()
    local result = shell("exec <&-; echo done", { input = ("x"):rep(1 << 20) })
    assert.same({ exit_code = 0, stdout = "done\n", stderr = "" }, result)
    assert.equal(0, run({ "true" }, { input = ("x"):rep(1 << 20) }).exit_code)
  end))

  it("raises a ProcessError if that is wanted and the exit code is not 0", counted(function()
    local err = error_of(shell, "echo half; echo no such thing >&2; exit 3", { check = true })
    assert.equal("ProcessError", err.name)
    assert.equal("EEXIT", err.code)
    assert.same({ 3, "half\n", "no such thing\n" }, { err.exit_code, err.stdout, err.stderr })
    assert.is_nil(err.signal)
    assert.equal("ProcessError: sh exited with code 3: no such thing", tostring(err):match "^[^\n]+")
    err = error_of(shell, "kill -TERM $$", { check = true })
    assert.equal("SIGTERM", err.signal)
    assert.is_nil(err.exit_code)
    assert.equal("fine\n", shell("echo fine", { check = true }).stdout)
  end))

  it("kills and reaps the child when its time is up", counted(function()
    local err = error_of(run, { "sleep", "1000" }, { timeout = 0.05 })
    assert.equal("TimeoutError", err.name)
    assert.equal(0.05, err.seconds)
    assert.equal("quick\n", shell("echo quick", { timeout = 1000 }).stdout)
  end))

  it("kills a child that does not end when it is told to", counted(function()
    local err = error_of(shell, "trap '' TERM; echo; while :; do sleep 1000 & wait; done",
      { timeout = 0.2, grace = 0.05, group = true })
    assert.equal("TimeoutError", err.name)
  end))

  it("kills a child that writes too much", counted(function()
    local err = error_of(run, { "yes" }, { max_output = 100000 })
    assert.equal("LimitError", err.name)
    assert.equal("ETOOLARGE", err.code)
    assert.equal(100000, err.limit)
    assert.equal("LimitError", error_of(shell, "yes >&2", { max_output = 0 }).name)
    assert.equal("12345", shell("printf 12345", { max_output = 5 }).stdout)
    assert.equal("LimitError", error_of(shell, "printf 123456", { max_output = 5 }).name)
  end))

  it("kills and reaps the child when it is cancelled", counted(function()
    local task = async.spawn(run, { "sh", "-c", "echo $$; exec sleep 1000" }, { stdout = "pipe" })
    async.sleep(0.05)
    task:cancel()
    assert.equal("CancelledError", error_of(task.await, task).name)
  end))

  it("starts nothing in a scope that is cancelled", counted(function()
    local path = os.tmpname()
    os.remove(path)
    local task = async.spawn(run, { "touch", path })
    task:cancel()
    assert.equal("CancelledError", error_of(task.await, task).name)
    assert.is_nil(io.open(path))
  end))

  it("runs children beside each other", counted(function()
    local path = os.tmpname()
    os.remove(path)
    assert(os.execute("mkfifo " .. path))
    -- each end of a named pipe waits for the other
    local results = async.gather { function() return shell("cat <" .. path) end,
      function() return shell("echo met >" .. path) end }
    os.remove(path)
    assert.equal("met\n", results[1].stdout)
  end))

  it("gives exact codes of a thousand short children, and leaves no zombie", counted(function()
    local source = [[
      local proc = require "spec.support.proc"
      async.run(function()
        local results = async.map(1000, function(i)
          return async.process.run {"sh", "-c", ("exit %d"):format(i % 256)}
        end, {limit = 16})
        for i = 1, 1000 do assert(results[i].exit_code == i % 256, i) end
        assert(proc.children() == 0)
      end)
      assert(proc.children() == 0)]]
    assert.same({ exit_code = 0, stdout = "", stderr = "" }, processes.script(source))
  end))

  it("leaves alone the children that others have started", counted(function()
    local other = assert(io.popen("exit 5"))
    for _ = 1, 20 do run { "true" } end
    assert.same({ nil, "exit", 5, n = 3 }, table.pack(other:close()))
    local _, _, code = os.execute "exit 6"
    assert.equal(6, code)
  end))

  it("runs in another folder", counted(function()
    assert.equal("/\n", run({ "pwd" }, { cwd = "/" }).stdout)
  end))

  it("looks for a relative program from there", counted(function()
    assert.equal("found\n", run({ "./sh", "-c", "echo found" }, { cwd = "/bin" }).stdout)
  end))

  it("looks for a program in the PATH of the child", counted(function()
    local folder <close> = setmetatable({ path = async.fs.mkdtemp() }, {
      __close = function(self) async.fs.remove_tree(self.path) end,
    })
    local name = folder.path .. "/a-program-of-saros"
    async.fs.write_file(name, "echo \"$0 runs\"\n") -- a script that does not say for whom is one for sh
    async.fs.chmod(name, tonumber("755", 8))
    assert.equal(name .. " runs\n", run({ name }).stdout)
    local changes = { PATH = folder.path .. ":" .. os.getenv "PATH", LD_PRELOAD = false }
    assert.equal(name .. " runs\n", run({ "a-program-of-saros" }, { extend_env = changes }).stdout)
    assert.is_false(pcall(run, { "a-program-of-saros" }))
  end))

  it("replaces the environment", counted(function()
    local result = run({ "/usr/bin/env" }, { env = { A = "1", B = "two words", N = 3 } })
    assert.equal("A=1\nB=two words\nN=3\n", result.stdout)
    assert.equal("", run({ "/usr/bin/env" }, { env = {} }).stdout)
  end))

  it("extends the environment", counted(function()
    local script = 'printf "%s|%s|%s" "$SAROS_A" "${HOME-none}" "${PATH:+path}"'
    local result = run({ "sh", "-c", script }, { extend_env = { SAROS_A = "1", HOME = false, LD_PRELOAD = false } })
    assert.equal("1|none|path", result.stdout)
  end))

  it("hands on an environment of a megabyte", counted(function()
    local env = { PATH = "/usr/bin:/bin" }
    for i = 1, 16 do env["V" .. i] = ("x"):rep(65536) end
    assert.is_true(#run({ "env" }, { env = env }).stdout > 1 << 20)
  end))

  it("gives what is not piped no place in the result", counted(function()
    assert.same({ exit_code = 0 }, run({ "echo" }, { stdout = "null", stderr = "null" }))
    assert.same({ exit_code = 0, stdout = "both\nboth\n" }, shell("echo both; echo both >&2", { stderr = "stdout" }))
  end))

  it("sets the user and the group", counted(function()
    local own = math.tointeger(run({ "id", "-u" }).stdout)
    if own == 0 then
      assert.equal("65534 65533\n", shell("echo $(id -u) $(id -g)", { uid = 65534, gid = 65533 }).stdout)
    else
      assert.equal("EPERM", error_of(run, { "true" }, { uid = 0 }).code)
    end
  end))
end)
