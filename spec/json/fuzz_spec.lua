-- SPDX-License-Identifier: MIT
local check_corpus = require "spec.support.corpus"

describe("the fuzzer of json", function()
  it("finds nothing in the corpus that is kept", function()
    local sources = { "spec/json/fuzz.c", "src/base/decimal.c" }
    for _, name in ipairs { "api", "decode", "encode", "text" } do
      sources[#sources + 1] = ("src/json/%s.c"):format(name)
    end
    check_corpus(sources, nil, "-D_GNU_SOURCE", "spec/json/corpus")
  end)
end)
