-- SPDX-License-Identifier: MIT
-- What is wrong with a program, its arguments or its options: typed errors, and nothing left open.
local async = require "saros"
local processes = require "spec.support.processes"
local tasks = require "spec.support.tasks"
local counted, caught, error_of = processes.counted, tasks.caught, tasks.error_of

-- The SystemError that both ways of starting raise.
local function refused(argv, options)
  local err = error_of(processes.run, argv, options)
  assert.equal("SystemError", err.name)
  local again = error_of(processes.spawn, argv, options)
  assert.same({ err.code, err.path, err.syscall }, { again.code, again.path, again.syscall })
  return err
end

-- What is wrong with these arguments, of both ways.
local function mistake(argv, options)
  local texts = {}
  for i, name in ipairs { "run", "spawn" } do
    texts[i] = caught(async.process[name], argv, options)
    assert.equal("string", type(texts[i]), tostring(texts[i]))
    texts[i] = texts[i]:gsub("'" .. name .. "'", "'it'")
  end
  assert.equal(texts[1]:match "bad.*", texts[2]:match "bad.*")
  return texts[1]:match "bad.*"
end

describe("a process that cannot be started", function()
  it("is missing", counted(function()
    local err = refused { "/nowhere/to/be/found" }
    assert.same({ "ENOENT", "/nowhere/to/be/found", "spawn" }, { err.code, err.path, err.syscall })
    assert.equal("ENOENT", refused({ "no-such-program-anywhere" }).code)
    assert.equal("ENOENT", refused({ "" }).code)
    assert.equal("ENOENT", refused({ "./missing" }, { cwd = "/" }).code)
  end))

  it("is no program", counted(function()
    assert.equal("EACCES", refused({ "/tmp" }).code)
    assert.equal("EACCES", refused({ "/etc/passwd" }).code)
    assert.equal("ENOTDIR", refused({ "/etc/passwd/x" }).code)
  end))

  it("has a folder to run in that is none", counted(function()
    local err = refused({ "true" }, { cwd = "/nowhere" })
    assert.same({ "ENOENT", "/nowhere", "chdir" }, { err.code, err.path, err.syscall })
    err = refused({ "true" }, { cwd = "/etc/passwd" })
    assert.same({ "ENOTDIR", "/etc/passwd", "chdir" }, { err.code, err.path, err.syscall })
  end))

  it("has more arguments than the system takes", counted(function()
    assert.equal("E2BIG", refused({ "true", ("x"):rep(1 << 22) }).code)
  end))
end)

describe("wrong arguments for a process", function()
  it("are no list of strings", function()
    assert.equal("bad argument #1 to 'it' (list of strings expected, got string)", mistake "ls -l")
    assert.equal("bad argument #1 to 'it' (list of strings expected, got nil)", mistake())
    assert.equal("bad argument #1 to 'it' (the list is empty: there is no program to run)", mistake {})
    assert.equal("bad argument #1 to 'it' (list of strings expected, got a table that is no list)",
      mistake { program = "ls" })
    assert.equal("bad argument #1 to 'it' (list of strings expected, got a table that is no list)",
      mistake { "ls", nil, "-l" })
    assert.equal("bad argument #1 to 'it' (item 2 of the list: string expected, got table)", mistake { "ls", {} })
    assert.equal("bad argument #1 to 'it' (item 1 of the list: string expected, got number)", mistake { 1 })
  end)

  it("have NUL bytes", function()
    assert.equal("bad argument #1 to 'it' (item 1 of the list must not contain NUL bytes)", mistake { "l\0s" })
    assert.equal("bad argument #1 to 'it' (item 2 of the list must not contain NUL bytes)", mistake { "ls", "\0" })
    assert.matches("'cwd': string without NUL bytes expected", mistake({ "ls" }, { cwd = "/\0" }), 1, true)
    assert.matches("variable 'A' must not contain NUL bytes", mistake({ "ls" }, { env = { A = "\0" } }), 1, true)
  end)

  it("are options that there are not", function()
    assert.equal("bad argument #2 to 'it' (unknown option 'stdot' (did you mean 'stdout'?))",
      mistake({ "ls" }, { stdot = "pipe" }))
    assert.equal("bad argument #2 to 'it' (table expected, got string)", mistake({ "ls" }, "-l"))
  end)

  it("are options of another kind", function()
    local wrong = {
      input = {}, cwd = 1, env = "A=1", extend_env = true, stdin = "stdout", stdout = "file", stderr = 2, check = 1,
      timeout = "1", max_output = -1, group = "yes", uid = -1, gid = 1.5, grace = 0 / 0,
    }
    for name, value in pairs(wrong) do
      assert.matches("option '" .. name .. "': .* expected, got ", mistake({ "ls" }, { [name] = value }))
    end
  end)

  it("are variables with strange names or values", function()
    for _, name in ipairs { "", "A=B", "A\0", 1 } do
      assert.matches("is no name of a variable", mistake({ "ls" }, { env = { [name] = "x" } }), 1, true)
    end
    assert.matches("variable 'A': string expected, got boolean", mistake({ "ls" }, { env = { A = false } }), 1, true)
    assert.matches("variable 'A': string expected, got table", mistake({ "ls" }, { extend_env = { A = {} } }), 1, true)
  end)

  it("contradict each other", function()
    assert.matches("exclude each other", mistake({ "ls" }, { env = {}, extend_env = {} }), 1, true)
    assert.matches("exclude each other", mistake({ "ls" }, { input = "x", stdin = "null" }), 1, true)
  end)

  it("are files that are closed", function()
    local file = assert(io.tmpfile())
    file:close()
    assert.matches("'stdout': it is closed, or has no", mistake({ "ls" }, { stdout = file }), 1, true)
    async.run(function()
      local a, b = async.net.pair()
      a:close()
      b:close()
      assert.matches("'stdin': it is closed, or has no descriptor", mistake({ "ls" }, { stdin = a }), 1, true)
    end)
  end)

  it("say where nothing can be run", function()
    assert.matches("run: cannot wait here: no loop is running", caught(async.process.run, { "true" }), 1, true)
    assert.matches("process.spawn: no loop is running", caught(async.process.spawn, { "true" }), 1, true)
    async.run(function()
      local message = caught(coroutine.wrap(async.process.run), { "true" })
      assert.matches("run: cannot wait inside a coroutine of your own", message, 1, true)
    end)
  end)
end)

describe("the methods of a process", function()
  it("want a colon", counted(function()
    local child <close> = processes.spawn { "cat" }
    for _, name in ipairs { "wait", "kill", "communicate", "close" } do
      assert.matches(("calling 'process:%s' on bad self (process expected, got nil"):format(name),
        caught(child[name]), 1, true)
    end
  end))

  it("refuse signals that there are not", counted(function()
    local child <close> = processes.spawn { "cat" }
    local message = caught(child.kill, child, "NONE")
    assert.matches("bad argument #1 to 'process:kill' (there is no signal 'NONE')", message, 1, true)
    assert.matches("there is no signal 65", caught(child.kill, child, 65), 1, true)
    assert.matches("name or number of a signal expected, got table", caught(child.kill, child, {}), 1, true)
  end))

  it("refuse input that cannot be written", counted(function()
    local child <close> = processes.spawn({ "cat" }, { stdin = "null" })
    assert.matches("bad argument #1 to 'process:communicate' (its standard input is no pipe)",
      caught(child.communicate, child, "x"), 1, true)
    assert.matches("string or function expected, got table", caught(child.communicate, child, {}), 1, true)
  end))
end)
