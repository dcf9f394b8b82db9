# SPDX-License-Identifier: MIT
"""HTTP against nginx on loopback: bench/http/saros.lua beside floor.c, aiohttp_peer.py and undici.mjs.

nginx (one worker) is started for the suite with files and a certificate of its own, all of them in
build/bench/http, where npm also puts undici.
"""
import getpass
import os
import shutil
import socket
import subprocess
import time

from measuring import (
    EACH_SECOND, LUA, MEBIBYTES, MICROSECONDS, PYTHON, ROOT, THOUSANDS, Row, Workload, compile_c, execute,
    output, package_flags, saros_environment, why_no_saros, works)

CORES = os.cpu_count()
UNDICI = "undici@6"  # the last one for the Node of Debian 12 and its successor alike

WORKLOADS = {
    "http_64": Workload(20_000, 2_000, lambda n: n, 1_000),
    "https_64": Workload(20_000, 2_000, lambda n: n, 1_000),
    "http_stream": Workload(512, 64, lambda n: n, 16),
    "https_stream": Workload(512, 64, lambda n: n, 16),
    "http_serial": Workload(1_000, 100, lambda n: n, 500),
    "https_serial": Workload(1_000, 100, lambda n: n, 500),
    "http_first": Workload(1, 1, lambda n: n, None),
}
KINDS = {"64": "many", "stream": "stream", "serial": "serial", "first": "first"}

ROWS = [
    Row("http_64", "1 KiB, 64 in flight", THOUSANDS, "1.8 x floor", {"floor": 1.8}),
    Row("https_64", "the same, https", THOUSANDS, "1.2 x floor", {"floor": 1.2}),
    Row("http_stream", "512 MiB streamed", EACH_SECOND, "0.9 of floor", {"floor": 0.9}),
    Row("http_stream", "and in the best run", EACH_SECOND, "", pick=max),
    Row("http_stream", "and peak memory", MEBIBYTES, "under 8", most=8),
    Row("https_stream", "512 MiB, https", EACH_SECOND, "0.9 of floor", {"floor": 0.9}),
    Row("https_stream", "and in the best run", EACH_SECOND, "", pick=max),
    Row("https_stream", "and peak memory", MEBIBYTES, "under 12", most=12),
    Row("http_serial", "one by one, median", MICROSECONDS, "below floor", {"floor": 1}),
    Row("https_serial", "the same, https", MICROSECONDS, "below floor", {"floor": 1}),
    Row("http_first", "first request of a program", MICROSECONDS, "under 1,000", most=1000),
    Row("http_first", "and memory for it", MEBIBYTES, "under 1", most=1),
]

NGINX = """
daemon off;
{user}
worker_processes 1;
{affinity}
pid {out}/nginx.pid;
error_log {out}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  keepalive_requests 100000000;
  keepalive_timeout 300;
  client_body_temp_path {out}/temp;
  proxy_temp_path {out}/temp;
  fastcgi_temp_path {out}/temp;
  uwsgi_temp_path {out}/temp;
  scgi_temp_path {out}/temp;
  ssl_certificate {out}/cert.pem;
  ssl_certificate_key {out}/key.pem;
  server {{
    listen 127.0.0.1:{http} backlog=1024 sndbuf=512k;
    listen 127.0.0.1:{https} ssl backlog=1024 sndbuf=512k;
    root {out}/files;
  }}
}}
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_open(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """nginx with what the peers ask for; `failure` says why there is none."""

    def __init__(self, out):
        self.out = out
        self.process = None
        self.failure = None
        self.ports = {"http": free_port(), "https": free_port()}
        if not shutil.which("nginx"):
            self.failure = "no nginx"
        elif not self.make_certificate():
            self.failure = "no openssl"
        else:
            self.start()

    def make_certificate(self):
        return works("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                     "-keyout", f"{self.out}/key.pem", "-out", f"{self.out}/cert.pem")

    def start(self):
        os.makedirs(f"{self.out}/files", exist_ok=True)
        user = "user root;" if getpass.getuser() == "root" else ""
        affinity = "worker_cpu_affinity 01;" if CORES > 1 else ""
        with open(f"{self.out}/nginx.conf", "w") as config:
            config.write(NGINX.format(out=self.out, user=user, affinity=affinity, **self.ports))
        log = open(f"{self.out}/start.log", "w")
        command = ["nginx", "-p", self.out, "-c", f"{self.out}/nginx.conf"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(100):
            if all(is_open(port) for port in self.ports.values()):
                return
            time.sleep(0.05)
        self.failure = "no nginx"
        with open(f"{self.out}/start.log") as text:
            print(text.read())

    def url(self, scheme, size):
        """Of a file of so many bytes, which takes no room on the disk."""
        path = f"{self.out}/files/{size}"
        if not os.path.exists(path):
            with open(path, "w") as file:
                file.truncate(size)
        return f"{scheme}://127.0.0.1:{self.ports[scheme]}/{size}"

    def close(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None


class Suite:
    """What is installed, how each is called, and why the others are not there."""

    names = ("saros", "floor", "aiohttp", "undici")
    counted = ("saros", "floor")
    workloads = WORKLOADS
    rows = ROWS

    def __init__(self, build):
        out = f"{build}/bench/http"
        flags = package_flags(["libcurl", "libuv"], "-lcurl -luv")
        self.missing = {}
        self.floor = compile_c("bench/http/floor.c", f"{out}/floor", *flags)
        self.modules = os.path.join(ROOT, out)
        self.environment = {
            "saros": saros_environment(build), "undici": {"UNDICI_FROM": f"{self.modules}/package.json"}}
        self.server = Server(self.modules)
        self.find_missing(build)
        if self.server.failure:
            self.missing = dict.fromkeys(self.names, self.server.failure)

    def find_missing(self, build):
        reason = why_no_saros(build, self.environment["saros"])
        if reason:
            self.missing["saros"] = reason
        if not self.floor:
            self.missing["floor"] = "no build"
        if not works(PYTHON, "-c", "import aiohttp, uvloop"):
            self.missing["aiohttp"] = "no aiohttp"
        if not shutil.which("node"):
            self.missing["undici"] = "no node"
        elif not self.install_undici():
            self.missing["undici"] = "no undici"

    def install_undici(self):
        if os.path.exists(f"{self.modules}/node_modules/undici"):
            return True
        return works("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", self.modules, UNDICI)

    def close(self):
        self.server.close()

    def command(self, peer, workload, size, counting=False):
        """The command of a peer for a workload."""
        scheme, kind = workload.split("_")
        if kind == "first" and peer != "saros":
            return None
        url = self.server.url(scheme, size << 20 if kind == "stream" else 1024)
        command = {
            "saros": [LUA, "bench/http/saros.lua"],
            "floor": [self.floor],
            "aiohttp": [PYTHON, "bench/http/aiohttp_peer.py"],
            "undici": ["node", "bench/http/undici.mjs"],
        }[peer]
        trust = [f"{self.modules}/cert.pem"] if scheme == "https" else []
        command += [KINDS[kind], str(size), url] + trust
        return self.beside_server(command, size << 20) if kind == "stream" and not counting else command

    def beside_server(self, command, size):
        """The command on a core of its own, with the file in memory. On loopback a client that falls behind does the
        server's work in its own calls: where that goes on is up to the scheduler, else."""
        with open(f"{self.modules}/files/{size}", "rb") as file:
            while file.read(1 << 20):
                pass
        return ["taskset", "-c", "1"] + command if CORES > 1 and shutil.which("taskset") else command

    def versions(self):
        nginx = execute(["nginx", "-v"]).stderr.strip() if shutil.which("nginx") else ""
        undici = f"{self.modules}/node_modules/undici/package.json"
        return [
            "libcurl " + output("pkg-config", "--modversion", "libcurl"),
            nginx.replace("nginx version: ", ""),
            output(PYTHON, "-V"),
            "aiohttp " + output(PYTHON, "-c", "import aiohttp; print(aiohttp.__version__)"),
            "uvloop " + output(PYTHON, "-c", "import uvloop; print(uvloop.__version__)"),
            "Node " + output("node", "-v"),
            "undici " + output("node", "-p", f"require('{undici}').version"),
        ]

    def notes(self):
        return ["nginx with one worker on this machine; keep-alive, connections warm but for the streams.",
                "nginx has the first core, and a client of streams the second one.",
                "Memory is the peak of all that was resident.",
                "floor: libcurl's multi interface on libuv in C; aiohttp is on uvloop."]
