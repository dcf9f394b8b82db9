-- SPDX-License-Identifier: MIT
-- Every scenario runs in a host of its own (host.c, which says what the modes do), once for each fault.

local toolchain = require "spec.embed.toolchain"

local FILES = {"loading", "tasks", "combine", "sync"}

-- Mode, and the distance between two runs or collections. `L`: on a loop of the host's own.
local MODES = {
  {"once", 1}, {"forever", 1}, {"close", 3},
  {"onceL", 5}, {"foreverL", 5}, {"closeL", 7},
  {"collect", 1}, {"frantic", 1}, {"young", 1},
}

-- A request costs more than a turn, and most of what it asks memory for is libcurl's.
local HTTP_MODES = {
  {"foreign", 1}, {"once", 3}, {"forever", 7}, {"close", 101}, {"onceL", 23}, {"foreverL", 41}, {"closeL", 307},
  {"collect", 20}, {"frantic", 1}, {"young", 20},
}

-- What OpenSSL asks memory for is its own affair: some of it is kept for good.
local TLS_MODES = {
  {"foreign", 1}, {"once", 11}, {"forever", 29}, {"close", 41}, {"onceL", 53}, {"foreverL", 67}, {"closeL", 97},
  {"collect", 20}, {"frantic", 1}, {"young", 20},
}

-- Most of what is asked for is what Lua's compiler needs, in the same few ways.
local LOADING_MODES = {
  {"foreign", 1}, {"once", 211}, {"forever", 401}, {"close", 1009}, {"onceL", 601}, {"foreverL", 809},
  {"closeL", 2003}, {"collect", 500}, {"frantic", 1}, {"young", 500},
}

-- Rooms whose scenarios stand in a file of their own.
local ROOMS = {
  -- What streams do is the system's affair, too, and takes its time.
  net = {
    {"foreign", 1}, {"once", 3}, {"forever", 7}, {"close", 23}, {"onceL", 11}, {"foreverL", 17}, {"closeL", 41},
    {"collect", 5}, {"frantic", 1}, {"young", 5},
  },
  -- Each job takes its time, and so does the start of a thread; those that are left behind end after lua_close.
  thread = {
    {"foreign", 1}, {"once", 7}, {"forever", 17}, {"close", 211}, {"onceL", 23}, {"foreverL", 41}, {"closeL", 307},
    {"collect", 20}, {"frantic", 1}, {"young", 20},
  },
  -- What files do is the system's affair as well.
  fs = {
    {"foreign", 1}, {"once", 5}, {"forever", 11}, {"close", 41}, {"onceL", 23}, {"foreverL", 31}, {"closeL", 97},
    {"collect", 10}, {"frantic", 1}, {"young", 10},
  },
  -- A response that does not come is waited for.
  server = {
    {"foreign", 3}, {"once", 13}, {"forever", 41}, {"close", 53}, {"onceL", 59}, {"foreverL", 83}, {"closeL", 97},
    {"collect", 20}, {"frantic", 1}, {"young", 20},
  },
  -- Mostly Lua.
  command = {
    {"once", 17}, {"forever", 29}, {"close", 67}, {"onceL", 41}, {"foreverL", 53}, {"closeL", 97},
    {"collect", 20}, {"frantic", 1}, {"young", 20},
  },
  -- The same, of a WebSocket's messages.
  websocket = {
    {"foreign", 2}, {"once", 13}, {"forever", 41}, {"close", 83}, {"onceL", 59}, {"foreverL", 89}, {"closeL", 151},
    {"collect", 20}, {"frantic", 1}, {"young", 20},
  },
  -- No await in it.
  json = { { "once", 1 }, { "forever", 1 }, { "close", 23 }, { "collect", 5 }, { "frantic", 1 }, { "young", 5 } },
  -- It has memory of its own.
  redis = {{"foreign", 1}, table.unpack(MODES)},
  -- As net, in many more steps of Lua.
  compat = {
    {"foreign", 1}, {"once", 29}, {"forever", 71}, {"close", 151}, {"onceL", 97}, {"foreverL", 113}, {"closeL", 311},
    {"collect", 20}, {"frantic", 1}, {"young", 20},
  },
  -- A child costs a thousand times what a turn does.
  process = {
    {"foreign", 1}, {"once", 5}, {"forever", 13}, {"close", 37}, {"onceL", 23}, {"foreverL", 41}, {"closeL", 67},
    {"collect", 20}, {"frantic", 1}, {"young", 20},
  },
}

local SECONDS = 20 -- a run that takes longer hangs
local LEAVES_NONE_OUT = os.getenv "SAROS_FAULTS" == "all" -- in any mode

-- The host takes the place of malloc, as only the GNU C library lets it.
local function is_supported()
  return os.execute("getconf GNU_LIBC_VERSION >/dev/null 2>&1") == true
end

local function path_of(file)
  return "spec/faults/scenarios/" .. file .. ".lua"
end

local function names_of(scenarios)
  local names = {}
  for name in pairs(scenarios) do names[#names + 1] = name end
  table.sort(names)
  return names
end

describe("a fault", function()
  local workshop

  setup(function()
    if not is_supported() then return end
    workshop = toolchain.open()
    workshop:compile("spec/faults/host.c", "host")
    if LEAVES_NONE_OUT then workshop.patience = 7200 end
  end)

  teardown(function()
    if workshop then workshop:close() end
  end)

  -- Runs a scenario in each of the modes.
  local function check(path, name, modes)
    for _, mode in ipairs(modes) do
      local step = LEAVES_NONE_OUT and 1 or mode[2]
      local result = workshop:execute("host", mode[1], path, name, SECONDS, step)
      local said = ("%s: %s%s"):format(mode[1], result.out, result.err)
      assert(result.code == 0 and result.out:find "^ok", said)
      assert(not result.err:find "Sanitizer", said)
    end
  end

  for _, file in ipairs(FILES) do
    for _, name in ipairs(names_of(dofile(path_of(file)))) do
      it(("in %s.%s does no harm"):format(file, name), function()
        if not workshop then return pending "needs the GNU C library" end
        check(path_of(file), name, MODES)
      end)
    end
  end

  for _, room in ipairs {
    "net", "fs", "process", "thread", "compat", "redis", "json", "server", "websocket", "command",
  } do
    for _, name in ipairs(names_of(dofile(path_of(room)))) do
      it(("in %s.%s does no harm"):format(room, name), function()
        if not workshop then return pending "needs the GNU C library" end
        check(path_of(room), name, ROOMS[room])
      end)
    end
  end

  for _, name in ipairs(names_of(dofile(path_of "http") "")) do
    it(("in http.%s does no harm"):format(name), function()
      if not workshop then return pending "needs the GNU C library" end
      local server = require "spec.support.http_server"()
      local program = ("return dofile %q %q"):format(path_of "http", server.url)
      check(workshop:write("http.lua", program), name, HTTP_MODES)
    end)
  end

  for _, name in ipairs(names_of(dofile(path_of "first_use") {})) do
    it(("in first_use.%s does no harm"):format(name), function()
      if not workshop then return pending "needs the GNU C library" end
      local server = require "spec.support.http_server"()
      local program = ("return dofile(%q) { url = %q, tls = %q, ca = %q }"):format(
        path_of "first_use", server.url, server.tls, server.ca)
      check(workshop:write("first_use.lua", program), name, LOADING_MODES)
    end)
  end

  local certificates = require "spec.support.certificates"()
  for _, name in ipairs(names_of(dofile(path_of "tls")(certificates))) do
    it(("in tls.%s does no harm"):format(name), function()
      if not workshop then return pending "needs the GNU C library" end
      local program = ("return dofile(%q) { ca = %q, server = %q, server_key = %q }"):format(
        path_of "tls", certificates.ca, certificates.server, certificates.server_key)
      check(workshop:write("tls.lua", program), name, TLS_MODES)
    end)
  end
end)
