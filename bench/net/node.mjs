// SPDX-License-Identifier: MIT
// An echo server on Node, over TLS where it has a certificate: node bench/net/node.mjs [CERT KEY]. Prints its port.
import fs from "node:fs";
import net from "node:net";
import tls from "node:tls";

const [cert, key] = process.argv.slice(2);

function echo(socket) {
  socket.setNoDelay(true);
  socket.on("data", (data) => socket.write(data));
  socket.on("error", () => {});
}

const server = cert
  ? tls.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, echo)
  : net.createServer(echo);
server.listen({ host: "127.0.0.1", port: 0, backlog: 1024 }, () => console.log(server.address().port));
