-- SPDX-License-Identifier: MIT
local toolchain = require "spec.embed.toolchain"

local SOURCES = {
  "spec/websocket/fuzz.c", "src/base/buffer.c", "src/websocket/decoder.c", "src/websocket/deflate.c",
  "src/wire/frame.c",
}

describe("the fuzzer of WebSocket frames", function()
  it("finds nothing in the corpus that is kept", function()
    local workshop = toolchain.open()
    local _held <close> = setmetatable({}, { __close = function() workshop:close() end })
    workshop:compile(SOURCES, "fuzz", "zlib",
      "-DALONE -DSAROS_ZLIB -I src -g -fsanitize=address,undefined -fno-sanitize-recover=undefined")
    local files = {}
    local list <close> = assert(io.popen "ls spec/websocket/corpus/*")
    for path in list:lines() do files[#files + 1] = path end
    assert.is_true(#files > 20)
    local result = workshop:execute("fuzz", table.unpack(files))
    assert.equal(("%d inputs\n"):format(#files), result.out, result.err)
    assert.equal(0, result.code)
  end)
end)
