-- SPDX-License-Identifier: MIT
local check_corpus = require "spec.support.corpus"

local SOURCES = {
  "spec/websocket/fuzz.c", "src/base/buffer.c", "src/websocket/decoder.c", "src/websocket/deflate.c",
  "src/wire/frame.c",
}

describe("the fuzzer of WebSocket frames", function()
  it("finds nothing in the corpus that is kept", function()
    check_corpus(SOURCES, "zlib", "-DSAROS_ZLIB", "spec/websocket/corpus")
  end)
end)
