// SPDX-License-Identifier: MIT
// A WebSocket server on ws: ws.mjs PATH_OF_WS. Prints its port.
const { WebSocketServer } = await import(process.argv[2]);

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
server.on("connection", (ws, request) => {
  const isBroadcast = request.url === "/broadcast";
  ws.on("error", () => {});
  ws.on("message", (data, isBinary) => {
    if (isBroadcast) server.clients.forEach((client) => client.send(data, { binary: isBinary }));
    else ws.send(data, { binary: isBinary });
  });
});
server.on("listening", () => console.log(server.address().port));
