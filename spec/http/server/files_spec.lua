-- SPDX-License-Identifier: MIT
-- Files of a folder as responses.
local async = require "saros"
local folder = require "spec.support.folder"
local proc = require "spec.support.proc"
local script = require "spec.support.script"
local serving = require "spec.support.serving"
local tasks = require "spec.support.tasks"

-- The body of an `it`: fn(site, path) with a site that serves a folder, in which there are some files.
local function with_files(options, fn)
  return folder.with(function(path)
    os.execute(("mkdir '%s/www' '%s/www/sub' '%s/www/empty' '%s/www/.git'"):format(path, path, path, path))
    os.execute(("mkdir '%s/www-secret'"):format(path)) -- whose name begins as that of the folder
    folder.write(path .. "/www-secret/secret.txt", "secret")
    folder.write(path .. "/secret.txt", "secret")
    folder.write(path .. "/www/a.txt", "0123456789")
    folder.write(path .. "/www/b c.HTML", "<b>")
    folder.write(path .. "/www/none", "")
    folder.write(path .. "/www/unknown.xyz", "?")
    folder.write(path .. "/www/.hidden", "hidden")
    folder.write(path .. "/www/.git/config", "hidden")
    folder.write(path .. "/www/sub/index.html", "index")
    os.execute(("ln -s ../secret.txt '%s/www/link.txt'; ln -s .. '%s/www/up'; ln -s a.txt '%s/www/inner.txt'; " ..
      "ln -s ../www-secret '%s/www/beside'"):format(path, path, path, path))
    serving.run(async.http.files(path .. "/www", options), nil, function(site) fn(site, path) end)
  end)
end

describe("async.http.files", function()
  it("sends files with their types", with_files(nil, function(site)
    local response = site:fetch "GET /a.txt"
    assert.equal(200, response.status)
    assert.equal("text/plain; charset=utf-8", response.headers["content-type"])
    assert.equal("10", response.headers["content-length"])
    assert.equal("bytes", response.headers["accept-ranges"])
    assert.matches('^"%x+%-%x+"$', response.headers.etag)
    assert.matches("GMT$", response.headers["last-modified"])
    assert.is_nil(response.headers["cache-control"])
    assert.equal("0123456789", response.body)
    assert.equal("text/html; charset=utf-8", site:fetch("GET /b%20c.HTML").headers["content-type"])
    assert.equal("application/octet-stream", site:fetch("GET /unknown.xyz").headers["content-type"])
    assert.equal("", site:fetch("GET /none").body)
    assert.equal("0123456789", site:fetch("GET /inner.txt").body)
  end))

  it("sends the head alone to HEAD, and knows no other method", with_files(nil, function(site)
    local response = site:fetch "HEAD /a.txt"
    assert.equal("10", response.headers["content-length"])
    assert.equal("", response.body)
    response = site:fetch("POST /a.txt", nil, "x")
    assert.equal(405, response.status)
    assert.equal("GET, HEAD, OPTIONS", response.headers.allow)
    assert.equal(204, site:fetch("OPTIONS /a.txt").status)
  end))

  it("lets nobody out of the folder, and shows no dot files", with_files({ listing = true }, function(site)
    for _, target in ipairs {
      "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/sub/..%2F..%2Fsecret.txt", "/link.txt",
        "/up/secret.txt", "/beside/secret.txt", "/../www-secret/secret.txt", "/..%2Fwww-secret/secret.txt",
      "/up/", "/.hidden", "/.git/config", "/.git/", "/%2ehidden", "/sub/../.hidden", "/..\\secret.txt", "/a.txt/",
      "/a.txt/../../secret.txt", "/missing", "//etc/passwd", "/sub/missing",
    } do
      local response = site:fetch("GET " .. target)
      assert.equal(404, response.status, target)
      assert.is_nil(response.body:find("secret", 1, true))
    end
  end))

  it("sends no file of another name, such as an encoded one that lies beside it, whatever is accepted", with_files(nil,
    function(site, path)
      os.execute(("ln -s ../secret.txt '%s/www/a.txt.gz'; ln -s ../secret.txt '%s/www/a.txt.br'"):format(path, path))
      local response = site:fetch("GET /a.txt", { "Accept-Encoding: gzip, br" })
      assert.same({ 200, "0123456789" }, { response.status, response.body })
      assert.is_nil(response.headers["content-encoding"])
      assert.equal(404, site:fetch("GET /a.txt.gz").status)
    end))

  it("sends the index of a folder, behind its slash", with_files(nil, function(site)
    local response = site:fetch "GET /sub?a=b"
    assert.equal(301, response.status)
    assert.equal("/sub/?a=b", response.headers.location)
    assert.equal("/sub/", site:fetch("GET //sub").headers.location)
    assert.equal("index", site:fetch("GET /sub/").body)
    assert.equal(404, site:fetch("GET /empty/").status)
    assert.equal(404, site:fetch("GET /").status)
  end))

  it("redirects to nobody else", with_files(nil, function(site)
    for _, target in ipairs { "/\\evil/../sub", "//sub", "http://x//sub", "/x/..//sub" } do
      assert.matches("^/sub/$", site:fetch("GET " .. target).headers.location, target)
    end
  end))

  it("encodes texts with compress, of which there are no ranges", folder.with(function(path)
    local text = ("0123456789"):rep(500)
    folder.write(path .. "/a.txt", text)
    serving.run(async.http.files(path), { compress = true }, function(site)
      local response = site:fetch("GET /a.txt", { "Accept-Encoding: gzip", "Range: bytes=0-1" })
      assert.equal(200, response.status)
      assert.equal("gzip", response.headers["content-encoding"])
      assert.matches('^W/"', response.headers.etag)
      assert.is_nil(response.headers["accept-ranges"])
      assert.equal(#response.body, tonumber(response.headers["content-length"]))
      assert.equal("gzip", site:fetch("HEAD /a.txt", { "Accept-Encoding: gzip" }).headers["content-encoding"])
      response = site:fetch("GET /a.txt", { "Range: bytes=0-1" })
      assert.equal(206, response.status)
      assert.equal("01", response.body)
      local session <close> = async.session { base_url = "http://127.0.0.1:" .. site.port }
      assert.equal(text, session:get("/a.txt", { headers = { ["Accept-Encoding"] = "gzip" } }):text())
    end)
  end))

  it("keeps conditions and ranges to what was asked for", folder.with(function(path)
    folder.write(path .. "/a.txt", "0123456789")
    local app = async.http.router()
    app:route("POST", "/", function() return { file = path .. "/a.txt" } end)
    app:get("/gone", function() return { file = path .. "/a.txt", status = 410 } end)
    serving.run(app, nil, function(site)
      assert.equal(200, site:fetch("POST /", { "If-None-Match: *" }, "x").status)
      local response = site:fetch("GET /gone", { "If-None-Match: *", "Range: bytes=0-1" })
      assert.equal(410, response.status)
      assert.equal("0123456789", response.body)
    end)
  end))

  it("may list a folder", with_files({ listing = true, index = false }, function(site)
    local body = site:fetch("GET /").body
    assert.matches('<a href="./b%%20c%.HTML">b c%.HTML</a>', body)
    assert.matches('<a href="./sub/">sub/</a>', body)
    assert.is_nil(body:find("hidden", 1, true))
    assert.matches('index%.html', site:fetch("GET /sub/").body)
  end))

  it("says how long it may be kept", with_files({ max_age = 60 }, function(site)
    assert.equal("max-age=60", site:fetch("GET /a.txt").headers["cache-control"])
  end))

  it("keeps to conditions", with_files(nil, function(site)
    local head = site:fetch("HEAD /a.txt").headers
    local function status(...) return site:fetch("GET /a.txt", { ... }).status end
    assert.equal(304, status("If-None-Match: " .. head.etag))
    assert.equal(304, status('If-None-Match: "x", W/' .. head.etag))
    assert.equal(304, status "If-None-Match: *")
    assert.equal(200, status 'If-None-Match: "x"')
    assert.equal(304, status("If-Modified-Since: " .. head["last-modified"]))
    assert.equal(200, status "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT")
    assert.equal(200, status('If-None-Match: "x"', "If-Modified-Since: " .. head["last-modified"]))
    assert.equal(412, status 'If-Match: "x"')
    assert.equal(412, status("If-Match: W/" .. head.etag))
    assert.equal(200, status("If-Match: " .. head.etag))
    assert.equal(412, status "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT")
    assert.equal("", site:fetch("GET /a.txt", { "If-None-Match: *" }).body)
  end))

  it("reads nothing of a file that the client has already, or whose head alone it wants", with_files(nil,
    function(site, path)
      if not proc.bytes_read() then return pending "the system does not tell" end
      local size = 60000
      folder.write(path .. "/www/known.txt", ("x"):rep(size))
      folder.write(path .. "/www/fresh.txt", ("x"):rep(size))
      assert.equal(size, #site:fetch("GET /known.txt").body)
      local before = proc.bytes_read()
      for _, name in ipairs { "known", "known", "fresh", "fresh" } do
        local head = site:fetch("HEAD /" .. name .. ".txt").headers
        assert.equal(tostring(size), head["content-length"])
        assert.equal(304, site:fetch("GET /" .. name .. ".txt", { "If-None-Match: " .. head.etag }).status)
        local since = "If-Modified-Since: " .. head["last-modified"]
        assert.equal(304, site:fetch("GET /" .. name .. ".txt", { since }).status)
      end
      assert.is_true(proc.bytes_read() - before < size)
      for _, name in ipairs { "known", "fresh" } do
        local response = site:fetch("GET /" .. name .. ".txt", { 'If-None-Match: "other"' })
        assert.same({ 200, size }, { response.status, #response.body })
      end
    end))

  it("sends a range", with_files(nil, function(site)
    for range, expected in pairs {
      ["0-3"] = "0123", ["5-"] = "56789", ["-2"] = "89", ["0-0"] = "0", ["9-100"] = "9", ["-100"] = "0123456789",
    } do
      local response = site:fetch("GET /a.txt", { "Range: bytes=" .. range })
      assert.equal(206, response.status, range)
      assert.equal(expected, response.body, range)
      assert.equal(tostring(#expected), response.headers["content-length"])
    end
    assert.equal("bytes 5-9/10", site:fetch("GET /a.txt", { "Range: bytes=5-" }).headers["content-range"])
  end))

  it("sends few ranges, but not many, and none that is there twice", with_files(nil, function(site)
    local response = site:fetch("GET /a.txt", { "Range: bytes=0-1, 8-" })
    assert.equal(206, response.status)
    local boundary = response.headers["content-type"]:match "^multipart/byteranges; boundary=(.+)$"
    assert.equal(tostring(#response.body), response.headers["content-length"])
    local head = ("\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes %%s/10\r\n\r\n")
      :format(boundary)
    assert.equal(head:format "0-1" .. "01" .. head:format "8-9" .. "89\r\n--" .. boundary .. "--\r\n", response.body)
    assert.equal(200, site:fetch("GET /a.txt", { "Range: bytes=0-,0-" }).status)
    assert.equal(200, site:fetch("GET /a.txt", { "Range: bytes=" .. ("0-0,"):rep(1000) .. "1-1" }).status)
  end))

  it("refuses a range behind the end, and takes what is none for nothing", with_files(nil, function(site)
    local response = site:fetch("GET /a.txt", { "Range: bytes=10-" })
    assert.equal(416, response.status)
    assert.equal("bytes */10", response.headers["content-range"])
    for _, range in ipairs { "lines=0-1", "bytes=", "bytes=a-b", "bytes=3-1", "bytes=-", "bytes=1",
      "bytes=99999999999999999999-" } do
      assert.equal(200, site:fetch("GET /a.txt", { "Range: " .. range }).status, range)
    end
  end))

  it("sends a range only of the file that the client means", with_files(nil, function(site)
    local head = site:fetch("HEAD /a.txt").headers
    local function status(condition)
      return site:fetch("GET /a.txt", { "Range: bytes=0-1", "If-Range: " .. condition }).status
    end
    assert.equal(206, status(head.etag))
    assert.equal(206, status(head["last-modified"]))
    assert.equal(200, status '"x"')
    assert.equal(200, status("W/" .. head.etag))
    assert.equal(200, status "Sun, 06 Nov 1994 08:49:37 GMT")
  end))

  it("sends a large file", with_files(nil, function(site, path)
    local data = ("0123456789abcdef"):rep(1 << 16)
    folder.write(path .. "/www/large.bin", data)
    assert.equal(data, site:fetch("GET /large.bin").body)
    assert.equal(data:sub(70001, 900000), site:fetch("GET /large.bin", { "Range: bytes=70000-899999" }).body)
  end))

  it("sends nothing that has taken the place of a large file", with_files(nil, function(site, path)
    local name, data = path .. "/www/large.bin", ("0123456789abcdef"):rep(1 << 19)
    folder.write(name, data)
    local stream <close> = site:connect()
    stream:write "GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n"
    stream:read_until "\r\n\r\n"
    os.remove(name)
    os.execute(("mkdir '%s'"):format(name))
    assert.is_true(data == stream:read_exactly(#data))
    assert.equal(301, site:fetch("GET /large.bin").status)
  end))

  it("sends what is there by now, however often it has sent it", with_files(nil, function(site, path)
    local function put(data)
      folder.write(path .. "/www/new", data)
      os.rename(path .. "/www/new", path .. "/www/file")
    end
    local function expect(data)
      for _ = 1, 3 do
        local response = site:fetch "GET /file"
        assert.equal(200, response.status)
        assert.is_true(response.body == data)
      end
    end
    for _, data in ipairs { "small", ("x"):rep(65536), ("large"):rep(100000), "", "other", ("y"):rep(65537) } do
      put(data)
      expect(data)
      folder.write(path .. "/www/file", data .. "!") -- the same one, with other bytes
      expect(data .. "!")
    end
    os.remove(path .. "/www/file")
    assert.equal(404, site:fetch("GET /file").status)
    os.execute(("ln -s ../secret.txt '%s/www/file'"):format(path))
    assert.equal(404, site:fetch("GET /file").status)
    os.execute(("ln -sf a.txt '%s/www/file'"):format(path))
    assert.equal("0123456789", site:fetch("GET /file").body)
    os.execute(("rm '%s/www/file'; mkdir '%s/www/file'"):format(path, path))
    assert.equal(301, site:fetch("GET /file").status)
    os.execute(("rmdir '%s/www/file'; mkfifo '%s/www/file'"):format(path, path))
    assert.equal(404, site:fetch("GET /file").status)
  end))

  it("follows its folder, wherever that is by now", folder.with(function(path)
    os.execute(("mkdir '%s/one' '%s/two'; ln -s one '%s/now'"):format(path, path, path))
    folder.write(path .. "/one/a.txt", "one")
    folder.write(path .. "/two/a.txt", "two")
    serving.run(async.http.files(path .. "/now"), nil, function(site)
      for _ = 1, 3 do assert.equal("one", site:fetch("GET /a.txt").body) end
      os.execute(("ln -sfn two '%s/now'"):format(path))
      for _ = 1, 3 do assert.equal("two", site:fetch("GET /a.txt").body) end
      os.execute(("mv '%s/two' '%s/three'; ln -s ../three/a.txt '%s/one/a.link'; ln -sfn one '%s/now'"):format(
        path, path, path, path))
      for _ = 1, 3 do assert.equal("one", site:fetch("GET /a.txt").body) end
      for _ = 1, 3 do assert.equal(404, site:fetch("GET /a.link").status) end
    end)
  end))

  it("does not follow a folder inside of it that has become a link out of it", with_files(nil, function(site, path)
    os.execute(("mkdir '%s/www/in'"):format(path))
    folder.write(path .. "/www/in/secret.txt", "not secret")
    for _ = 1, 3 do assert.equal("not secret", site:fetch("GET /in/secret.txt").body) end
    os.execute(("rm -r '%s/www/in'; ln -s ../../www-secret '%s/www/in'"):format(path, path))
    assert.equal(404, site:fetch("GET /in/secret.txt").status)
    os.execute(("ln -sfn ../www-secret '%s/www/in'"):format(path))
    assert.equal(404, site:fetch("GET /in/secret.txt").status)
  end))

  it("does not send a large file that it may not open", with_files(nil, function(site, path)
    folder.write(path .. "/www/large.bin", ("x"):rep(100000))
    os.execute(("chmod 0 '%s/www/large.bin'"):format(path))
    local readable = io.open(path .. "/www/large.bin") -- root may open anything
    if readable then readable:close() end
    assert.equal(readable and 200 or 404, site:fetch("GET /large.bin").status)
  end))

  it("knows a file that has changed", with_files(nil, function(site, path)
    local before = site:fetch "GET /a.txt"
    assert.equal(before.headers.etag, site:fetch("GET /a.txt").headers.etag)
    folder.write(path .. "/www/a.txt", "changed")
    os.execute(("touch -d '2001-02-03 04:05:06 UTC' '%s/www/a.txt'"):format(path))
    local after = site:fetch "GET /a.txt"
    assert.equal("changed", after.body)
    assert.equal("Sat, 03 Feb 2001 04:05:06 GMT", after.headers["last-modified"])
    assert.not_equal(before.headers.etag, after.headers.etag)
  end))

  it("finds its folder behind links and dots, and nothing outside of it there", with_files(nil, function(_, path)
    os.execute(("ln -s www '%s/door'; ln -s www-secret '%s/www-link'"):format(path, path))
    for _, way in ipairs { "/door", "/www/", "/www/../www", "//www", "/www-secret/../door/." } do
      serving.run(async.http.files(path .. way), nil, function(site)
        assert.equal("0123456789", site:fetch("GET /a.txt").body)
        assert.equal("0123456789", site:fetch("GET /inner.txt").body)
        for _, target in ipairs { "/link.txt", "/up/secret.txt", "/beside/secret.txt" } do
          assert.equal(404, site:fetch("GET " .. target).status)
        end
      end)
    end
  end))

  it("may be a part of a router, and one of its responses a file", folder.with(function(path)
    folder.write(path .. "/a.txt", "a")
    local app = async.http.router()
    app:mount("/static", async.http.files(path))
    app:get("/one", function() return { file = path .. "/a.txt", status = 201,
      headers = { ["content-type"] = "x/y" } } end)
    app:get("/none", function() return { file = path .. "/b.txt" } end)
    serving.run(app, nil, function(site)
      assert.equal("a", site:fetch("GET /static/a.txt").body)
      local moved = site:fetch "GET /static?a=b"
      assert.same({ 301, "/static/?a=b" }, { moved.status, moved.headers.location })
      local response = site:fetch "GET /one"
      assert.equal(201, response.status)
      assert.equal("x/y", response.headers["content-type"])
      assert.equal("a", response.body)
      assert.equal(404, site:fetch("GET /none").status)
    end)
  end))

  it("sends all of a file with a status of its own", folder.with(function(path)
    folder.write(path .. "/404.html", "not here")
    serving.run(function() return { file = path .. "/404.html", status = 404 } end, nil, function(site)
      for _, header in ipairs { "Range: bytes=0-2", "Range: bytes=100-", "If-None-Match: *", 'If-Match: "x"' } do
        local response = site:fetch("GET /x", { header })
        assert.same({ 404, "not here" }, { response.status, response.body }, header)
      end
    end)
  end))

  it("may serve the root of all folders", folder.with(function(path)
    folder.write(path .. "/a.txt", "a")
    serving.run(async.http.files "/", nil, function(site)
      assert.equal("a", site:fetch("GET " .. path .. "/a.txt").body)
      assert.equal(301, site:fetch("GET " .. path).status)
    end)
  end))

  it("does not say that a file is not there when no descriptor is left", function()
    local result = script([[
      async.run(function()
        local serve = async.http.files "/etc"
        local request = { method = "GET", target = "/passwd", path = "/passwd", headers = {} }
        function request:_compresses() return false end
        function request:_is_conditional() return false end
        assert(serve(request).body)
        local files, file = {}, nil
        repeat
          file = io.open "/dev/null"
          files[#files + 1] = file
        until not file
        local ok, err = pcall(serve, request)
        print(ok, err.name, err.code)
      end)
    ]], { descriptors = 64 })
    assert.equal("false\tSystemError\tEMFILE\n", result.out, result.err)
  end)

  it("refuses wrong arguments before anything happens", tasks.virtually(function()
    local files = async.http.files
    assert.matches("bad argument #1 to 'files' %(string expected, got no value%)", tasks.caught(files))
    assert.matches("bad argument #1 to 'files' %(the path of a folder expected%)", tasks.caught(files, ""))
    assert.matches("bad argument #2 to 'files' %(unknown option 'indexes' %(did you mean 'index'%?%)%)",
      tasks.caught(files, ".", { indexes = 1 }))
    assert.matches("bad argument #2 to 'files' %(option 'max_age': number of seconds expected, got string%)",
      tasks.caught(files, ".", { max_age = "1" }))
  end))
end)
