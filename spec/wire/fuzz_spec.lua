-- SPDX-License-Identifier: MIT
local check_corpus = require "spec.support.corpus"
local wire = require "spec.support.wire"

describe("the fuzzer of wire", function()
  it("finds nothing in the corpus that is kept", function()
    check_corpus({ "spec/wire/fuzz.c", table.unpack(wire.sources) }, nil, "", "spec/wire/corpus")
  end)
end)
