-- SPDX-License-Identifier: MIT
-- The room wire, compiled for specs.

local toolchain = require "spec.embed.toolchain"

local wire = {}

-- What specs compile of src/.
wire.sources = {"src/base/buffer.c"}
for _, name in ipairs {"body", "fault", "framing", "message", "target", "token", "writer"} do
  table.insert(wire.sources, ("src/wire/%s.c"):format(name))
end

---Compiles one of spec/wire with the room.
---@param workshop table
---@param source string   the file of spec/wire, without its end
---@param target string   module or program
---@param options? string for the compiler
function wire.compile(workshop, source, target, options)
  local sources = {("spec/wire/%s.c"):format(source), table.unpack(wire.sources)}
  return workshop:compile(sources, target, nil, "-I src " .. (options or ""))
end

---The probe, a module, and the folder to be closed when it is not needed any more.
function wire.probe()
  local workshop = toolchain.open()
  return assert(package.loadlib(wire.compile(workshop, "probe", "probe.so"), "luaopen_probe"))(), workshop
end

return wire
