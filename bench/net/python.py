# SPDX-License-Identifier: MIT
"""Echo servers on uvloop.

    python3 bench/net/python.py protocol|streams [CERT KEY]

Prints its port.
"""
import asyncio
import socket
import ssl
import sys

import uvloop


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main(kind, cert=None, key=None):
    context = None
    if cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    options = {"sock": listener, "backlog": 1024, "ssl": context}
    if kind == "protocol":
        server = await asyncio.get_running_loop().create_server(Echo, **options)
    else:
        server = await asyncio.start_server(echo, **options)
    print(listener.getsockname()[1], flush=True)
    await server.serve_forever()


uvloop.install()
asyncio.run(main(*sys.argv[1:]))
