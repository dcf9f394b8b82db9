-- SPDX-License-Identifier: MIT
-- The client against nginx: TLS.

local async = require "saros"
local http = require "saros.http"
local proc = require "spec.support.proc"
local server = require("spec.support.real_servers").nginx()
local tasks = require "spec.support.tasks"

local inside, caught = tasks.inside, tasks.caught

-- The code of a FetchError.
local function code_of(...)
  local err = caught(http.get, ...)
  assert.truthy(async.is_error(err, "FetchError"), tostring(err))
  assert.is_nil(err.response)
  return err.code
end

-- The same URL for a name that is not in the certificate, and the options that lead there.
local function under_another_name(url)
  local port = url:match "%d+$"
  return "https://other.invalid:" .. port,
    { ca_file = server.ca, resolve = { ["other.invalid:" .. port] = "127.0.0.1" } }
end

for version, url in pairs { ["HTTP/1.1"] = server.tls, ["HTTP/2"] = server.h2 } do
  describe("a certificate of nginx, by " .. version .. ",", function()
    it("is good if the authority is known", inside(function()
      assert.equal("TLSv1.3", http.get(url .. "/facts", { ca_file = server.ca }):json().tls)
      local name = url:gsub("127%.0%.0%.1", "localhost")
      assert.equal(200, http.get(name .. "/facts", { ca_file = server.ca }).status)
    end))

    it("is refused if it is not, or is another one", inside(function()
      assert.equal("ETLS", code_of(url .. "/facts"))
      assert.equal("ETLS", code_of(url .. "/facts", { ca_file = server.stranger }))
      assert.equal("ETLS", code_of(url .. "/facts", { ca_file = server.folder .. "/nothing.pem" }))
    end))

    it("is refused for another name", inside(function()
      local other, options = under_another_name(url)
      assert.equal("ETLS", code_of(other .. "/facts", options))
      options.verify = false
      assert.equal(200, http.get(other .. "/facts", options).status)
    end))

    it("is looked at again by who does not trust blindly, though a connection is open", inside(function()
      local session <close> = http.session()
      assert.equal(200, session:get(url .. "/facts", { verify = false }).status)
      assert.equal("ETLS", caught(session.get, session, url .. "/facts").code)
      assert.equal(200, session:get(url .. "/facts", { verify = false }).status)
    end))
  end)
end

describe("TLS with nginx", function()
  it("fails on a certificate that has expired", inside(function()
    assert.equal("ETLS", code_of(server.expired .. "/facts", { ca_file = server.ca }))
    assert.equal(200, http.get(server.expired .. "/facts", { verify = false }).status)
  end))

  it("has the version that is asked for at least", inside(function()
    assert.equal("TLSv1.2", http.get(server.tls12 .. "/facts", { ca_file = server.ca, tls_min = "1.2" }):json().tls)
    assert.equal("ETLS", code_of(server.tls12 .. "/facts", { ca_file = server.ca, tls_min = "1.3" }))
    assert.equal("TLSv1.3", http.get(server.tls .. "/facts", { ca_file = server.ca, tls_min = "1.3" }):json().tls)
  end))

  it("shows a certificate of its own where that is wanted", inside(function()
    local options = { ca_file = server.ca, cert = server.member, key = server.member_key }
    assert.equal("CN=member", http.get(server.members .. "/facts", options):json().client)
    assert.equal(200, http.get(server.tls .. "/facts", options).status)
  end))

  it("is let in only with the right one", inside(function()
    local response = http.get(server.members .. "/facts", { ca_file = server.ca })
    assert.equal(400, response.status)
    assert.truthy(response:text():find("No required SSL certificate was sent", 1, true))
    response = http.get(server.members .. "/facts",
      { ca_file = server.ca, cert = server.nobody, key = server.nobody_key })
    assert.equal(400, response.status)
    assert.truthy(response:text():find("The SSL certificate error", 1, true))
  end))

  it("does not lend a connection with a certificate to requests without", inside(function()
    local session <close> = http.session { ca_file = server.ca }
    local options = { cert = server.member, key = server.member_key }
    for _ = 1, 2 do
      assert.equal(200, session:get(server.members .. "/facts", options).status)
      assert.equal(400, session:get(server.members .. "/facts").status)
    end
  end))

  it("cannot be with a certificate that is not there, or whose key is another's", inside(function()
    assert.equal("ETLS", code_of(server.members .. "/facts", { ca_file = server.ca, cert = server.ca .. "x" }))
    assert.equal("ETLS",
      code_of(server.members .. "/facts", { ca_file = server.ca, cert = server.member, key = server.nobody_key }))
  end))

  it("reads the authorities of the system once for a session, not for each connection", inside(function()
    -- How much is read for so many connections, none of which is trusted.
    local function cost(count)
      local session <close> = http.session()
      local before = proc.bytes_read()
      for _ = 1, count do caught(session.get, session, server.tls .. "/facts") end
      return before and proc.bytes_read() - before or 0
    end
    local once = cost(1)
    assert.truthy(cost(20) < 3 * once + 100000)
  end))

  it("is not spoken where it is not expected", inside(function()
    assert.equal("ETLS", code_of((server.plain:gsub("http:", "https:"))))
    local response = http.get((server.tls:gsub("https:", "http:")))
    assert.equal(400, response.status)
    assert.truthy(response:text():find("plain HTTP request was sent to HTTPS port", 1, true))
  end))
end)
