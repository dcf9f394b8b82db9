-- SPDX-License-Identifier: MIT
-- What ./dev docs builds: a site whose links lead somewhere, with an index for its search.

local documents = require "spec.support.documents"

local folder

local function read(name)
  local file <close> = assert(io.open(folder .. "/" .. name))
  return file:read "a"
end

local function pages()
  local list = {}
  local pipe <close> = assert(io.popen(("cd '%s' && ls *.html"):format(folder)))
  for name in pipe:lines() do list[#list + 1] = name end
  return list
end

describe("the site of the documents", function()
  setup(function()
    local pipe = assert(io.popen "unset LD_PRELOAD; mktemp -d")
    folder = pipe:read "l"
    pipe:close()
    local command = ("unset LD_PRELOAD; exec '%s' .ci/docs/site.lua '%s' 2>&1"):format(arg[-1] or "lua5.4", folder)
    local build = assert(io.popen(command))
    local text = build:read "a"
    assert.is_true(build:close(), text)
  end)

  teardown(function() os.execute(("rm -rf '%s'"):format(folder)) end)

  it("has the guide and a page of the reference for each module", function()
    local there = {}
    for _, name in ipairs(pages()) do there[name] = true end
    for _, name in ipairs { "index", "readme", "tasks", "reference-run", "reference-net", "reference-c" } do
      assert.is_true(there[name .. ".html"] == true, name)
    end
  end)

  it("has links that lead to pages, anchors and files", function()
    local anchors, targets = {}, {}
    for _, name in ipairs(pages()) do
      local text = read(name)
      anchors[name] = {}
      for id in text:gmatch ' id="([^"]*)"' do anchors[name][id] = true end
      for target in text:gsub(' src="', ' href="'):gmatch ' href="([^"]*)"' do
        targets[name .. " -> " .. target] = { name, target }
      end
    end
    for place, pair in pairs(targets) do
      local file, anchor = pair[2]:match "^([^#]*)#?(.*)$"
      if file:find "^%.%./%.%./" then
        assert.is_true(documents.exists(file:sub(7)), place)
      elseif file:find "^[%w-]+%.%l+$" and not file:find "%.html$" then
        assert.is_true(documents.exists(folder .. "/" .. file), place)
      elseif not file:find "^%a+:" then
        local ids = anchors[file == "" and pair[1] or file]
        assert.is_truthy(ids, place)
        assert.is_true(anchor == "" or ids[anchor] == true, place)
      end
    end
  end)

  it("leads from a name in the text to the reference", function()
    local link = '<a class="name" href="reference-run.html#async.run"><code>async.run</code></a>'
    assert.matches(link, read "tasks.html", 1, true)
  end)

  it("says which functions wait", function()
    local text = read "reference-run.html"
    assert.matches('id="async.sleep".-class="waits"', text)
    assert.is_nil(text:match('id="async.now".-<h3'):find('class="waits"', 1, true))
  end)

  it("has an index of all sections for the search", function()
    local text = read "search-index.js"
    assert.matches('^var searchIndex = %[\n', text)
    local entry = '["async.gather","Several at once, deadlines, groups","reference-combine.html#async.gather",'
    assert.matches(entry, text, 1, true)
  end)
end)
