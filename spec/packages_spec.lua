-- SPDX-License-Identifier: MIT
-- What is installed is all that a program, another module in C and a project of CMake need; and the files that name the
-- version agree.

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

local function quote(text)
  return "'" .. text:gsub("'", [['\'']]) .. "'"
end

local function output(command)
  local pipe = io.popen(command .. " 2>&1")
  local text = pipe:read "a"
  assert.is_true(pipe:close(), text)
  return text
end

-- What a shell command says, which has to succeed. Tools are not instrumented, so they do without the sanitizer.
local function shell(command, ...)
  return output("exec env -u LD_PRELOAD sh -c " .. quote(command:format(...)))
end

describe("the version", function()
  local version = read("CMakeLists.txt"):match "project%(saros VERSION (%S+)"

  local function rockspec(path)
    local fields = {}
    assert(load(read(path), "=" .. path, "t", fields))()
    return fields
  end

  it("has a rockspec, which differs from that of the repository in nothing else", function()
    local scm = rockspec "rockspec/saros-scm-1.rockspec"
    local released = rockspec(("rockspec/saros-%s-1.rockspec"):format(version))
    assert.same({ version .. "-1", "scm-1" }, { released.version, scm.version })
    assert.equal("v" .. version, released.source.tag)
    released.version, released.source, scm.source = scm.version, nil, nil
    assert.same(scm, released)
  end)

  it("is the newest of the changelog", function()
    assert.equal(version, read("CHANGELOG.md"):match "\n## (%S+)")
  end)
end)

describe("an installed saros", function()
  local build = package.cpath:match "([^;]+)/lib/%?%.so"
  local folder, prefix

  setup(function()
    folder = shell "mktemp -d":match "[^\n]+"
    prefix = folder .. "/prefix"
    shell("cmake --install '%s' --prefix '%s'", build, prefix)
  end)
  teardown(function() shell("rm -rf '%s'", folder) end)

  -- What a program prints that finds saros there and nowhere else, and modules of the folder.
  local function run(program)
    write(folder .. "/program.lua", program)
    return output(("cd / && exec env LUA_PATH='%s/share/lua/5.4/?.lua;%s/share/lua/5.4/?/init.lua' "
      .. "LUA_CPATH='%s/lib/lua/5.4/?.so;%s/?.so' '%s' '%s/program.lua'"):format(
      prefix, prefix, prefix, folder, arg[-1] or "lua5.4", folder))
  end

  local NAP = [[
    local async, module = require "saros", require "timer_module"
    async.run(function()
      module.doze(0.001)
      print "slept"
    end)
  ]]

  it("runs a program, with all its parts", function()
    assert.equal("200 hello\n", run [[
      local async = require "saros"
      for _, name in ipairs { "fs", "net", "process" } do assert(type(async[name]) == "table", name) end
      require "saros.redis"
      require "saros.jobs"
      async.run(function()
        assert(async.to_thread(function() return 42 end) == 42)
        local server = async.http.listen("127.0.0.1", 0)
        async.spawn(server.serve, server, function(request)
          local ws <close> = request:websocket()
          ws:send "hello"
        end)
        local _, port = server:address()
        local ws <close> = async.websocket(("ws://127.0.0.1:%d/"):format(port))
        local client <close> = require("saros.testing").client(function() return "" end)
        print(client:get("/").status .. " " .. ws:receive())
      end)
    ]])
  end)

  it("tells pkg-config how a module is compiled", function()
    local ask = "PKG_CONFIG_PATH='%s/share/pkgconfig' pkg-config --cflags --libs 'saros >= 0.1'"
    local flags = shell(ask, prefix)
    assert.is_nil(flags:find "%-llua")
    flags = flags:match "[^\n]+"
    shell("cc -shared -fPIC spec/embed/timer_module.c %s -o '%s/timer_module.so'", flags, folder)
    assert.equal("slept\n", run(NAP))
  end)

  it("is found by projects of CMake", function()
    write(folder .. "/CMakeLists.txt", ([[
      cmake_minimum_required(VERSION 3.18)
      project(stranger C)
      find_package(saros 0.1 REQUIRED)
      add_library(timer MODULE "%s/spec/embed/timer_module.c")
      set_target_properties(timer PROPERTIES PREFIX "" OUTPUT_NAME timer_module LIBRARY_OUTPUT_DIRECTORY "%s")
      target_link_libraries(timer PRIVATE saros::saros)
      file(WRITE places "${saros_CMODULE_DIR} ${saros_LUAMODULE_DIR}")
    ]]):format(shell "pwd -P":match "[^\n]+", folder))
    shell("rm -f '%s/timer_module.so'", folder)
    shell("cmake -S '%s' -B '%s/build' -DCMAKE_PREFIX_PATH='%s'", folder, folder, prefix)
    shell("cmake --build '%s/build'", folder)
    assert.equal(("%s/lib/lua/5.4 %s/share/lua/5.4"):format(prefix, prefix), read(folder .. "/places"))
    assert.equal("slept\n", run(NAP))
  end)
end)
