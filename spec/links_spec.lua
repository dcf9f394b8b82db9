-- SPDX-License-Identifier: MIT
-- Links in Markdown files lead to files, and to headings, that there are.

local documents = require "spec.support.documents"

-- A path as seen from the folder of a file.
local function resolve(from, target)
  local path = (from:match "^(.*/)" or "") .. target
  repeat
    local count
    path, count = path:gsub("[^/]+/%.%./", "", 1)
  until count == 0
  return path
end

describe("the links of", function()
  for _, path in ipairs(documents.all()) do
    it(path .. " lead somewhere", function()
      for _, link in ipairs(documents.links(path)) do
        local file, anchor = link.target:match "^([^#]*)#?(.*)$"
        local place = ("%s:%d: %s"):format(path, link.line, link.target)
        if not file:find "^%a+:" then
          local target = file == "" and path or resolve(path, file)
          assert.is_true(documents.exists(target), place)
          assert.is_true(anchor == "" or documents.anchors(target)[anchor] == true, place)
        end
      end
    end)
  end
end)
