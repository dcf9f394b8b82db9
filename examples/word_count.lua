-- SPDX-License-Identifier: MIT
-- Counts lines, words and bytes of all files below a folder, many at the same time, and saves what it found.
--
--   lua5.4 examples/word_count.lua                   a demonstration, in a folder of its own
--   lua5.4 examples/word_count.lua FOLDER [REPORT]

local async = require "saros"
local fs = async.fs

local AT_ONCE = 64 -- so many files may be open

local function count(path)
  local lines, words, bytes = 0, 0, 0
  for line in fs.lines(path, "L") do
    lines, bytes = lines + 1, bytes + #line
    for _ in line:gmatch "%S+" do words = words + 1 end
  end
  return {path = path, lines = lines, words = words, bytes = bytes}
end

-- The paths of files below a folder, one at each call.
local function files_below(folder)
  return async.generator(function(yield)
    for path, type in fs.walk(folder) do
      if type == "file" then yield(path) end
    end
  end)
end

local function report_on(folder)
  local counts = async.map(files_below(folder), count, {limit = AT_ONCE})
  table.sort(counts, function(a, b) return a.path < b.path end)
  local total = {path = "total", lines = 0, words = 0, bytes = 0}
  for _, each in ipairs(counts) do
    for _, what in ipairs {"lines", "words", "bytes"} do total[what] = total[what] + each[what] end
  end
  counts[#counts + 1] = total
  local text = {}
  for i, each in ipairs(counts) do
    local name = each == total and each.path or each.path:sub(#folder + 2)
    text[i] = ("%8d %8d %8d  %s\n"):format(each.lines, each.words, each.bytes, name)
  end
  return table.concat(text)
end

-- Some files to be counted.
local function demonstrate()
  local folder = fs.mkdtemp "word-count-"
  local _removal <close> = async.defer(fs.remove_tree, folder)
  fs.mkdir(folder .. "/poems/old", {parents = true})
  async.map(200, function(i)
    fs.write_file(("%s/poems/%03d"):format(folder, i), "Roses are red\n")
  end, {limit = AT_ONCE})
  fs.write_file(folder .. "/poems/old/tyger", "Tyger Tyger, burning bright,\nIn the forests of the night;\n")
  fs.write_file(folder .. "/report", report_on(folder), {atomic = true})
  local last
  for line in fs.lines(folder .. "/report") do last = line end
  print(last)
end

local folder, report = arg[1], arg[2]
async.run(function()
  if not folder then return demonstrate() end
  local text = report_on(folder)
  if report then fs.write_file(report, text, {atomic = true}) else io.write(text) end
end)
