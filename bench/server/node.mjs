// SPDX-License-Identifier: MIT
// An HTTP server on Node. Prints its port.
import http from "node:http";

const server = http.createServer((request, response) => {
  if (request.url === "/json") {
    const body = JSON.stringify({ message: "hello", numbers: [1, 2, 3] });
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
    response.end(body);
  } else {
    response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8", "Content-Length": 5 });
    response.end("hello");
  }
});
server.listen(0, "127.0.0.1", 1024, () => console.log(server.address().port));
