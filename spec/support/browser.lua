-- SPDX-License-Identifier: MIT
-- ./dev browser [PICTURE]: Chromium opens a page of ours, which hears server-sent events, reconnects, and talks by
-- WebSocket. What it saw it shows and sends back; how that looks is asked of the browser by a WebSocket of ours.

local async = require "saros"

local CHROMIUM, PICTURE = arg[1], arg[2]
local SECONDS = 60
local PICTURE_SIZE = 16 * 1048576 -- as much as a picture may take

local PAGE = [[
<!doctype html>
<meta charset="utf-8">
<title>saros</title>
<h1>saros</h1>
<h2>Server-sent events</h2><ol id="events"></ol>
<h2>WebSocket</h2><ol id="messages"></ol>
<script>
const seen = { events: [], named: [], ids: [], messages: [], bytes: null, close: null };

function show(list, text) {
  const item = document.createElement("li");
  item.textContent = text.length > 60 ? `${text.slice(0, 60)}... (${text.length})` : text;
  document.getElementById(list).append(item);
}

function listen() {
  return new Promise((done) => {
    const source = new EventSource("/events");
    source.onmessage = (event) => {
      seen.events.push(event.data);
      seen.ids.push(event.lastEventId);
      show("events", `${event.lastEventId}: ${event.data}`);
    };
    source.addEventListener("named", (event) => {
      seen.named.push(event.data);
      show("events", `named: ${event.data}`);
    });
    source.addEventListener("last", () => { source.close(); done(); });
  });
}

function talk() {
  return new Promise((done) => {
    const ws = new WebSocket(`ws://${location.host}/ws`, ["other", "chat"]);
    ws.binaryType = "arraybuffer";
    ws.onopen = () => { seen.protocol = ws.protocol; seen.extensions = ws.extensions; ws.send("h\u00e4llo"); };
    ws.onmessage = (event) => {
      if (typeof event.data === "string") {
        seen.messages.push(event.data);
        show("messages", event.data);
        if (event.data.length < 100000) ws.send(event.data + event.data);
        else ws.send(new Uint8Array([0, 255, 128]));
      } else {
        seen.bytes = Array.from(new Uint8Array(event.data));
        show("messages", `bytes ${seen.bytes}`);
        ws.close(4000, "enough");
      }
    };
    ws.onclose = (event) => {
      seen.close = [event.code, event.reason, event.wasClean];
      show("messages", `closed with ${event.code}, ${event.reason}`);
      done();
    };
  });
}

Promise.all([listen(), talk()]).catch((error) => { seen.error = String(error); })
  .then(() => fetch("/seen", { method: "POST", body: JSON.stringify(seen) }));
</script>
]]

local seen = async.future()
local app = async.http.router()

app:get("/", function() return { html = PAGE } end)

app:post("/seen", function(request)
  seen:set(request:json())
  return 204
end)

-- The first connection ends in the middle: the browser comes again and says what it heard last.
app:get("/events", function(request)
  local last = request.headers["last-event-id"]
  local events <close> = request:events()
  if not last then
    events:send { data = "one", id = 1, retry = 10 }
    return
  end
  events:send { data = ("two lines\nbehind %s"):format(last), id = 2 }
  events:send { event = "named", data = "three" }
  events:send { event = "last", data = "" }
  request:read()
end)

app:get("/ws", function(request)
  local ws = request:websocket { protocols = { "chat" }, compress = true }
  async.catch("ClosedError", function() -- for the page closes with a code of its own
    for data, kind in ws do ws:send(data, kind) end
  end)
end)

local function check(found)
  local text = async.json.encode(found):sub(1, 2000)
  assert(not found.error, text)
  assert(found.events[1] == "one" and found.events[2] == "two lines\nbehind 1" and found.ids[2] == "2", text)
  assert(found.named[1] == "three", text)
  assert(found.messages[1] == "hällo" and #found.messages > 10, text)
  assert(found.protocol == "chat" and found.extensions:find "permessage%-deflate", text)
  assert(found.bytes[1] == 0 and found.bytes[2] == 255 and found.bytes[3] == 128, text)
  assert(found.close[1] == 4000 and found.close[2] == "enough" and found.close[3] == true, text)
end

-- Has a picture of the page written to path; the browser listens where it has noted in its profile.
local function photograph(profile, path)
  local port = async.fs.read_file(profile .. "/DevToolsActivePort"):match "^%d+"
  local page = async.fetch(("http://127.0.0.1:%d/json/list"):format(port)):json()[1]
  local ws <close> = async.websocket(page.webSocketDebuggerUrl, { max_message_size = PICTURE_SIZE })
  ws:send_json { id = 1, method = "Page.captureScreenshot" }
  local picture = async.json.decode(ws:receive()).result.data
  async.process.run({ "sh", "-c", 'base64 -d >"$1"', "sh", path }, { input = picture, check = true })
end

async.run(function()
  local server <close> = async.http.listen("127.0.0.1", 0)
  local _serving <close> = async.spawn(server.serve, server, app)
  local _, port = server:address()
  local profile = async.fs.mkdtemp()
  local _removed <close> = async.defer(async.fs.remove_tree, profile)
  local browser <close> = async.process.spawn({
    CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--user-data-dir=" .. profile,
    "--remote-debugging-port=0", ("http://127.0.0.1:%d/"):format(port),
  }, { stdout = "null", stderr = "null" })
  check(async.wait_for(seen, SECONDS))
  if PICTURE then async.wait_for(photograph, SECONDS, profile, PICTURE) end
  browser:kill()
  browser:wait()
  print "Chromium saw the events, came again, and talked by WebSocket"
end)
