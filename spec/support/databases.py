# SPDX-License-Identifier: MIT
"""Runs a database for the specs: databases.py redis | postgres. Says in JSON where, and ends with its reader."""
import glob
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import lifeline

LIFETIME = 3600


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def await_ready(is_ready):
    for _ in range(1200):
        if is_ready():
            return
        time.sleep(0.05)
    sys.exit("the database did not start")


def redis(folder, port):
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL), lambda: listens(port)


def postgres(folder, port):
    """PostgreSQL refuses to be run by root: then it is run by nobody."""
    binaries = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        options.update(user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
    password = os.path.join(folder, "password")
    with open(password, "w") as file:
        file.write("secret")
    os.chmod(password, 0o644)
    data = os.path.join(folder, "data")
    subprocess.run([os.path.join(binaries, "initdb"), "-D", data, "-U", "tester", "--pwfile", password, "--no-sync",
                    "--auth", "md5", "--encoding", "UTF8", "--locale", "C"], check=True, cwd=folder, **options)
    settings = {"fsync": "off", "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": ""}
    arguments = ["-c%s=%s" % item for item in settings.items()]
    server = subprocess.Popen([os.path.join(binaries, "postgres"), "-D", data] + arguments, cwd=folder, **options)
    probe = [os.path.join(binaries, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    return server, lambda: subprocess.call(probe) == 0


def main():
    folder = tempfile.mkdtemp(prefix="saros-")
    port = free_port()
    server, is_ready = {"redis": redis, "postgres": postgres}[sys.argv[1]](folder, port)

    def clean_up():
        server.terminate()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)

    lifeline.tie(clean_up, LIFETIME)
    await_ready(is_ready)
    print(json.dumps({"port": port}), flush=True)
    server.wait()


main()
