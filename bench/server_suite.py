# SPDX-License-Identifier: MIT
"""HTTP servers on loopback under wrk: bench/server/saros.lua beside nginx and node.mjs. What counts is the CPU that a
request costs the server; server and load have one core each."""
import os
import shutil

from measuring import LUA, PYTHON, ROOT, Row, Workload, output, saros_environment, why_no_saros

WORKLOADS = {
    "hello": Workload(100_000, 10_000, lambda n: n, None),
    "json": Workload(100_000, 10_000, lambda n: n, None),
}

EACH = ("us", 1, lambda run, items: run["seconds"] / items * 1e6, False)

ROWS = [
    Row("hello", "hello, CPU of each", EACH, "at most 7.5", most=7.5),
    Row("json", "JSON encoded, CPU of each", EACH, "ahead of node", {"node": 1}),
]

# nginx tells nobody which port it has, so a shell does.
NGINX = """
daemon off;
master_process off;
pid {out}/nginx.pid;
error_log {out}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path {out}/temp;
  proxy_temp_path {out}/temp;
  fastcgi_temp_path {out}/temp;
  uwsgi_temp_path {out}/temp;
  scgi_temp_path {out}/temp;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location /hello {{ default_type text/plain; return 200 "hello"; }}
    location /json {{
      default_type application/json;
      return 200 '{{"message":"hello","numbers":[1,2,3]}}';
    }}
  }}
}}
"""
NGINX_PORT = 8971


class Suite:
    """What is installed, how each is called, and why the others are not there."""

    names = ("saros", "nginx", "node")
    counted = ()
    workloads = WORKLOADS
    rows = ROWS

    def __init__(self, build):
        self.out = os.path.join(ROOT, build, "bench", "server")
        self.missing = {}
        self.environment = {"saros": saros_environment(build)}
        os.makedirs(self.out, exist_ok=True)
        with open(f"{self.out}/nginx.conf", "w") as config:
            config.write(NGINX.format(out=self.out, port=NGINX_PORT))
        self.find_missing(build)

    def find_missing(self, build):
        reason = why_no_saros(build, self.environment["saros"])
        if reason:
            self.missing["saros"] = reason
        for program in ("nginx", "node"):
            if not shutil.which(program):
                self.missing[program] = f"no {program}"
        if not shutil.which("wrk"):
            self.missing = dict.fromkeys(self.names, "no wrk")

    def close(self):
        pass

    def command(self, peer, workload, size, counting=False):
        """The load, with the command of a peer's server."""
        del counting
        server = {
            "saros": [LUA, "bench/server/saros.lua"],
            "nginx": ["sh", "-c", f"(sleep 1; echo {NGINX_PORT}) & exec nginx -p {self.out} -c {self.out}/nginx.conf"],
            "node": ["node", "bench/server/node.mjs"],
        }[peer]
        return [PYTHON, "bench/server/load.py", "/" + workload, str(size)] + server

    def versions(self):
        return [output("nginx", "-v"), "Node " + output("node", "-v")]

    def notes(self):
        return ["64 connections of wrk for three seconds; nginx and node have one process.",
                "The JSON of nginx stands in its configuration."]
