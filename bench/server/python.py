# SPDX-License-Identifier: MIT
"""Servers in Python: python.py uvicorn or websockets. Prints its port."""
import asyncio
import json
import socket
import sys


TEXT = "x" * 950


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    kind, body = b"text/plain; charset=utf-8", b"hello"
    if scope["path"] == "/json":
        kind = b"application/json"
        body = json.dumps({"message": "hello", "numbers": [1, 2, 3], "text": TEXT}).encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def serve_http():
    import uvicorn
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", log_level="error", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listening])


async def serve_websockets():
    import websockets
    clients = set()

    async def talk(ws):
        path = ws.path if hasattr(ws, "path") else ws.request.path  # of older versions, and of newer ones
        clients.add(ws)
        try:
            async for message in ws:
                if path == "/broadcast":
                    websockets.broadcast(clients, message)
                else:
                    await ws.send(message)
        except websockets.ConnectionClosed:
            pass
        finally:
            clients.discard(ws)

    server = await websockets.serve(talk, "127.0.0.1", 0, compression=None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


if sys.argv[1] == "uvicorn":
    serve_http()
else:
    asyncio.run(serve_websockets())
