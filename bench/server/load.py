# SPDX-License-Identifier: MIT
"""Loads an HTTP server with wrk: load.py PATH REQUESTS SERVER [ARGUMENTS...]. The server says its port in its first
line. Prints the seconds of CPU that it takes for so many requests."""
import os
import re
import subprocess
import sys

CONNECTIONS = 64
SECONDS = 3


def pinned(core):
    """Each side has a core of its own, where there are two."""
    return (lambda: os.sched_setaffinity(0, {core})) if os.cpu_count() > 1 else None


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as text:
        fields = text.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    path, requests, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=pinned(0)) as server:
        try:
            port = int(server.stdout.readline())
            wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", f"http://127.0.0.1:{port}{path}"]
            subprocess.run(wrk, check=True, capture_output=True, preexec_fn=pinned(1))  # warm
            before = cpu_seconds(server.pid)
            text = subprocess.run(wrk, check=True, capture_output=True, text=True, preexec_fn=pinned(1)).stdout
            taken = cpu_seconds(server.pid) - before
        finally:
            server.kill()
    if "Non-2xx" in text:
        sys.exit(text)
    served = int(re.search(r"(\d+) requests in", text)[1])
    print(f"seconds={taken / served * requests:.9f} bytes=0")


main()
