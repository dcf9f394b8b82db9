# SPDX-License-Identifier: MIT
"""The web that examples/health_check.lua checks when it is given no URLs.

Prints two ports of the loopback interface, one that serves and one where nobody listens, and serves
until the reader of its output has gone (or ten minutes have passed).
"""

import select
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LIFETIME = 600  # seconds, whatever happens


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path == "/hanging":
            time.sleep(LIFETIME)
        if self.path == "/slow":
            time.sleep(1)
        status = 500 if self.path == "/broken" else 200
        body = b"something broke\n" if status == 500 else b"all is well\n"
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that gave up waiting


def main():
    # Ctrl-C is for the program that started this one; its end is noticed below.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    # A port that is bound but does not listen refuses, and nobody else can come to get it.
    refusing = socket.socket()
    refusing.bind(("127.0.0.1", 0))
    print(server.server_address[1], refusing.getsockname()[1], flush=True)

    # The writing end of a pipe reports an error as soon as its reading end is closed.
    reader = select.poll()
    reader.register(sys.stdout, 0)
    reader.poll(LIFETIME * 1000)


main()
