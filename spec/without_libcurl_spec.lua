-- SPDX-License-Identifier: MIT
-- The HTTP client as -DSAROS_CURL=OFF builds it: what it does all the same, and what it says of the rest.

local server = require "spec.support.http_server"()

local lua, busted = arg[-1] or "lua5.4", arg[0]

local function quote(text)
  return "'" .. text:gsub("'", [['\'']]) .. "'"
end

-- What a shell command says, which has to succeed.
local function shell(command, ...)
  local pipe = io.popen(("exec sh -c %s 2>&1"):format(quote(command:format(...))))
  local text = pipe:read "a"
  assert.is_true(pipe:close(), text)
  return text
end

-- Specs of what needs no libcurl, as they stand.
local SPECS = { "head", "response", "session", "error", "retry", "save" }

describe("saros without libcurl", function()
  local tested = package.cpath:match "([^;]+)/lib/%?%.so"
  local build = tested .. "/without-libcurl"

  -- Whoever includes curl.h finds this one.
  local function hide_header()
    shell("mkdir -p '%s/hidden/curl'", build)
    local header <close> = assert(io.open(build .. "/hidden/curl/curl.h", "w"))
    header:write "#error libcurl is not to be used\n"
  end

  -- The modules of the client are built; in the others the option has no part.
  setup(function()
    hide_header()
    shell([[
      unset LD_PRELOAD
      lua=$(sed -n 's/^SAROS_LUA_INCLUDE:[A-Z]*=//p' '%s/CMakeCache.txt') &&
      cmake -S . -B '%s' -DSAROS_CURL=OFF -DSAROS_WERROR=ON -DCMAKE_BUILD_TYPE=Debug "-DSAROS_LUA_INCLUDE=$lua" \
        '-DCMAKE_C_FLAGS=-O0 -I%s/hidden' &&
      cmake --build '%s' --parallel 2 --target saros_http_core saros_http_domains_core]], tested, build, build, build)
    shell([[
      cd '%s/lib' && find saros -name core.so ! -path 'saros/http/core.so' ! -path 'saros/http/domains/*' \
        ! -path 'saros/http/curl/*' | while read -r module; do
        mkdir -p "%s/lib/${module%%/*}" && ln -sf "$PWD/$module" "%s/lib/$module" || exit
      done]], tested, build, build)
  end)

  -- Runs Lua with these modules and arguments; `-u NAME` and `NAME=VALUE` change its environment.
  local function run(environment, arguments)
    local command = "exec env -u SAROS_HTTP_BACKEND -u SAROS_REPORT %s LUA_CPATH='%s/lib/?.so;;' '%s' %s"
    return shell(command, environment, build, lua, arguments)
  end

  local function run_program(environment, program)
    return run(environment, "-e " .. quote(([[
      local async = require "saros"
      local http, https = %q, %q
      local options = { ca_file = %q }
      %s
    ]]):format(server.url, server.tls, server.ca, program)))
  end

  -- What a request with these options fails with.
  local function failure(environment, url, options)
    return run_program(environment, ([[
      async.run(function()
        local ok, err = pcall(async.get, %s, %s)
        print(ok, err.name, err.code, err.url)
        print(err.message)
      end)
    ]]):format(url, options))
  end

  it("passes the specs of what needs none", function()
    local paths = {}
    for i, name in ipairs(SPECS) do paths[i] = ("spec/http/%s_spec.lua"):format(name) end
    local said = run("", ("'%s' --ignore-lua --output=spec/support/report.lua --cpath='%s/lib/?.so' %s"):format(
      busted, build, table.concat(paths, " ")))
    for _, path in ipairs(paths) do assert(said:find(path .. " ... %d%d+ passed %("), said) end
  end)

  it("speaks HTTP/1.1 over TLS, though HTTP/2 be wished for", function()
    assert.equal("1.1\tGET\n", run_program("", [[
      async.run(function()
        options.http_version = "2"
        local response = async.get(https .. "/echo", options)
        print(response.http_version, response:json().method)
      end)
    ]]))
  end)

  local PROXY = "a proxy of this kind"
  local digest = [[{ auth = { user = "u", password = "p", digest = true } }]]
  local missing = {
    ["digest authentication"] = { "", "http", digest, "digest authentication" },
    ["SOCKS"] = { "", "http", [[{ proxy = "socks5://127.0.0.1:1" }]], PROXY },
    ["SOCKS that the environment names"] = {
      "-u no_proxy -u NO_PROXY all_proxy=socks5h://127.0.0.1:1", "http", "{}", PROXY,
    },
    ["a proxy that is spoken to over TLS"] = { "", "https", [[{ proxy = "https://127.0.0.1:1" }]], PROXY },
    ["networks of IPv6 in no_proxy"] = {
      "http_proxy=http://127.0.0.1:1 no_proxy=fe80::/10", [["http://[::1]:1/"]], "{}", "networks of IPv6 in no_proxy",
    },
    ["a proxy beside a Unix socket"] = {
      "", "http", [[{ proxy = "http://127.0.0.1:1", unix_socket = "/nowhere" }]], "a proxy beside a Unix socket",
    },
  }

  for what, case in pairs(missing) do
    it("names what it lacks: " .. what, function()
      local environment, url, options, named = table.unpack(case)
      local said = failure(environment, url, options)
      assert.equal("false\tFetchError\tENOTSUP", said:match "^[^\n]*ENOTSUP", said)
      local lacks = "there is no libcurl, which is needed for %s (CMake's option SAROS_CURL)"
      assert(said:find(lacks:format(named), 1, true), said)
    end)
  end
end)
