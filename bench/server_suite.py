# SPDX-License-Identifier: MIT
"""Servers on loopback, by the CPU that a request or message costs the server: bench/server/saros.lua beside floor.c
(libuv, which reads no request), nginx, main.go, node.mjs, python.py (uvicorn on uvloop and httptools; websockets),
luv.lua and ws.mjs. Server and load have one core each."""
import os
import shutil

from measuring import (
    LUA, PYTHON, ROOT, Row, Workload, compile_c, output, package_flags, saros_environment, why_no_saros, works)

WS = "ws@8"
ROUTES = 1000


def same(n):
    return n


# The path, and the kind of load: see load.py.
LOADS = {
    "hello": ("/hello", "http"),
    "json": ("/json", "http"),
    "static_1k": ("/1k", "http"),
    "static_1m": ("/1m", "http"),
    "route_1": ("/r1/5", "http"),
    "route_1000": (f"/r{ROUTES // 2}/5", "http"),
    "ws_64": ("/echo", "64"),
    "ws_64k": ("/echo", "65536"),
    "broadcast": ("/broadcast", "64"),
}
# Size, quick, and the size that is counted.
LARGE, SMALL, MANY = (2_000, 640, 640), (100_000, 10_000, 6_400), (100_000, 10_000, 10_000)
SIZES = {"static_1m": LARGE, "ws_64k": LARGE, "broadcast": MANY}
WORKLOADS = {name: Workload(size, quick, same, counted) for name in LOADS
             for size, quick, counted in [SIZES.get(name, SMALL)]}

EACH = ("us", 1, lambda run, items: run["seconds"] / items * 1e6, False)

ROWS = [
    Row("hello", "hello, CPU of each", EACH, "at most 7.5, 1.6 of go", {"go": 1.6, "node": 1, "uvicorn": 1}, most=7.5),
    Row("json", "1 KiB of JSON encoded", EACH, "ahead of go", {"go": 1}),
    Row("static_1k", "file of 1 KiB", EACH, "0.5 of nginx", {"nginx": 0.5}),
    Row("static_1m", "file of 1 MiB", EACH, "0.8 of nginx", {"nginx": 0.8}),
    Row("route_1", "router, 1 route", EACH, ""),
    Row("route_1000", f"router, {ROUTES} routes", EACH, "within 5 % of 1 route"),
    Row("ws_64", "WebSocket echo, 64 bytes", EACH, "ahead of the others", {"websockets": 1, "ws": 1}),
    Row("ws_64k", "WebSocket echo, 64 KiB", EACH, "ahead of the others", {"websockets": 1, "ws": 1}),
    Row("broadcast", "to 1,000 WebSockets, each", EACH, "ahead of the others", {"websockets": 1, "ws": 1}),
]

HTTP, FILES, SOCKETS = ("hello", "json"), ("static_1k", "static_1m"), ("ws_64", "ws_64k", "broadcast")
DOES = {
    "saros": tuple(LOADS), "floor": ("hello",), "nginx": HTTP + FILES, "go": HTTP + FILES, "node": HTTP + FILES,
    "uvicorn": HTTP, "luv": ("hello",), "websockets": SOCKETS, "ws": SOCKETS,
}

# nginx tells nobody which port it has, so a shell does.
NGINX = """
daemon off;
master_process off;
pid {out}/nginx.pid;
error_log {out}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  keepalive_requests 100000000;
  client_body_temp_path {out}/temp;
  proxy_temp_path {out}/temp;
  fastcgi_temp_path {out}/temp;
  uwsgi_temp_path {out}/temp;
  scgi_temp_path {out}/temp;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    root {out}/files;
    location /hello {{ default_type text/plain; return 200 "hello"; }}
    location /json {{
      default_type application/json;
      return 200 '{{"message":"hello","numbers":[1,2,3],"text":"{text}"}}';
    }}
  }}
}}
"""
NGINX_PORT = 8971


class Suite:
    """What is installed, how each is called, and why the others are not there."""

    names = tuple(DOES)
    counted = ("saros",)
    counts_itself = True
    quick_runs = 1
    workloads = WORKLOADS
    rows = ROWS

    def __init__(self, build):
        self.out = os.path.join(ROOT, build, "bench", "server")
        self.missing = {}
        self.environment = {"saros": saros_environment(build)}
        os.makedirs(f"{self.out}/files", exist_ok=True)
        for name, size in (("1k", 1024), ("1m", 1048576)):
            with open(f"{self.out}/files/{name}", "wb") as file:
                file.write(os.urandom(size))
        with open(f"{self.out}/nginx.conf", "w") as config:
            config.write(NGINX.format(out=self.out, port=NGINX_PORT, text="x" * 950))
        self.floor = compile_c("bench/server/floor.c", f"{self.out}/floor", *package_flags(["libuv"], "-luv"))
        self.modules = f"{self.out}/node"
        self.find_missing(build)

    def find_missing(self, build):
        reason = why_no_saros(build, self.environment["saros"])
        present = {
            "saros": not reason,
            "floor": self.floor,
            "nginx": shutil.which("nginx"),
            "go": works("go", "build", "-o", f"{self.out}/go", "bench/server/main.go"),
            "node": shutil.which("node"),
            "uvicorn": works(PYTHON, "-c", "import uvicorn, uvloop, httptools"),
            "luv": works(LUA, "-e", 'require "luv"'),
            "websockets": works(PYTHON, "-c", "import websockets"),
            "ws": self.has_ws(),
        }
        for name in self.names:
            if not present[name]:
                self.missing[name] = reason if name == "saros" else f"no {name}"
        if not shutil.which("wrk"):
            self.missing = dict.fromkeys(self.names, "no wrk")

    def has_ws(self):
        if os.path.isdir(f"{self.modules}/node_modules/ws"):
            return True
        return works("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", self.modules, WS)

    def close(self):
        pass

    def command(self, peer, workload, size, counting=False):
        """The load, with the command of a peer's server; None where it has no such workload."""
        if workload not in DOES[peer]:
            return None
        files = f"{self.out}/files"
        server = {
            "saros": [LUA, "bench/server/saros.lua", files, "1" if workload == "route_1" else str(ROUTES)],
            "floor": [self.floor],
            "nginx": ["sh", "-c", f"(sleep 1; echo {NGINX_PORT}) & exec nginx -p {self.out} -c {self.out}/nginx.conf"],
            "go": [f"{self.out}/go", files],
            "node": ["node", "bench/server/node.mjs", files],
            "uvicorn": [PYTHON, "bench/server/python.py", "uvicorn"],
            "luv": [LUA, "bench/server/luv.lua"],
            "websockets": [PYTHON, "bench/server/python.py", "websockets"],
            "ws": ["node", "bench/server/ws.mjs", f"{self.modules}/node_modules/ws/wrapper.mjs"],
        }[peer]
        path, kind = LOADS[workload]
        if counting:
            return [PYTHON, "bench/server/load.py", "--count", kind, path, str(size)] + server
        if kind == "http" and size < WORKLOADS[workload].size:
            kind = "quick"
        return [PYTHON, "bench/server/load.py", kind, path, str(size)] + server

    def versions(self):
        return [output("nginx", "-v"), output("go", "version"), "Node " + output("node", "-v"), output(PYTHON, "-V")]

    def notes(self):
        return ["64 connections of wrk for three seconds, or 64 WebSockets; every server has one process.",
                "The JSON of nginx stands in its configuration; floor reads no request."]
