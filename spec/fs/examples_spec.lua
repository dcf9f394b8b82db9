-- SPDX-License-Identifier: MIT
-- The programs of examples/ that use files, each run as it stands.

local run = require "spec.support.example"

describe("the example", function()
  it("word_count counts two hundred files and saves a report", function()
    assert.equal("     202      610     2858  total\n", run "word_count")
  end)

  it("folder_watcher tells what has become of a file", function()
    assert.equal("apples is new: 3 bytes\napples had 3 bytes, now 5\napples is gone\n", run "folder_watcher")
  end)
end)
