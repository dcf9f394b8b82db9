// SPDX-License-Identifier: MIT
// An HTTP server on Node: node.mjs FOLDER. Prints its port.
import fs from "node:fs";
import http from "node:http";

function sendFile(name, response) {
  fs.stat(process.argv[2] + name, (error, stat) => {
    if (error) {
      response.writeHead(404);
      response.end();
      return;
    }
    response.writeHead(200, {
      "Content-Type": "application/octet-stream",
      "Content-Length": stat.size,
      "Last-Modified": stat.mtime.toUTCString(),
    });
    fs.createReadStream(process.argv[2] + name).pipe(response);
  });
}

const text = "x".repeat(950);

const server = http.createServer((request, response) => {
  if (request.url === "/json") {
    const body = JSON.stringify({ message: "hello", numbers: [1, 2, 3], text });
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
    response.end(body);
  } else if (request.url === "/hello") {
    response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8", "Content-Length": 5 });
    response.end("hello");
  } else {
    sendFile(request.url, response);
  }
});
server.listen(0, "127.0.0.1", 1024, () => console.log(server.address().port));
