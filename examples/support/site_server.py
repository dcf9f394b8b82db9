# SPDX-License-Identifier: MIT
"""The web that the other examples work on when they are given no URL.

It has a small site whose pages link to one another, a list of books that comes in pages, and a large
file. Prints its port on the loopback interface and serves until the reader of its output has gone
(or ten minutes have passed).
"""

import json
import select
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

LIFETIME = 600  # seconds, whatever happens
PAGES = 40
BOOKS = [{"id": i, "title": "Volume %d" % i, "pages": 100 + i * 7 % 300} for i in range(1, 58)]
BOOKS_AT_ONCE = 10
FILE_SIZE = 8 * 1024 * 1024


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/":
            self.page(0)
        elif parts.path.startswith("/page/"):
            time.sleep(0.02)
            self.page(int(parts.path[6:]))
        elif parts.path == "/api/books":
            self.books(int(query.get("page", "1")))
        elif parts.path == "/file":
            self.file()
        else:
            self.answer(404, "text/plain", b"no such page\n")

    def answer(self, status, kind, body, headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def page(self, number):
        """Each page links to two further ones and back to the first; one link leads nowhere."""
        links = [n for n in (number * 2 + 1, number * 2 + 2) if n < PAGES]
        links = ["/"] + ["/page/%d" % n for n in links] + (["/gone"] if number == 7 else [])
        text = "<title>Page %d</title>\n%s\n" % (number, "\n".join('<a href="%s">%s</a>' % (a, a) for a in links))
        self.answer(200, "text/html", text.encode())

    def books(self, page):
        start = (page - 1) * BOOKS_AT_ONCE
        more = start + BOOKS_AT_ONCE < len(BOOKS)
        headers = [("Link", '</api/books?page=%d>; rel="next"' % (page + 1))] if more else []
        body = json.dumps(BOOKS[start:start + BOOKS_AT_ONCE]).encode()
        self.answer(200, "application/json", body, headers)

    def file(self):
        self.send_response(200)
        self.send_header("Content-Length", str(FILE_SIZE))
        self.end_headers()
        for _ in range(32):
            self.wfile.write(bytes(FILE_SIZE // 32))
            time.sleep(0.02)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that gave up


def main():
    # Ctrl-C is for the program that started this one; its end is noticed below.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)

    # The writing end of a pipe reports an error as soon as its reading end is closed.
    reader = select.poll()
    reader.register(sys.stdout, 0)
    reader.poll(LIFETIME * 1000)


main()
