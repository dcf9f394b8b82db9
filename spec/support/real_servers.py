# SPDX-License-Identifier: MIT
"""Runs a server that nobody here wrote, on loopback and in a folder of its own.

usage: real_servers.py nginx | httpbin | tinyproxy | postgres

Prints one line of JSON that tells where it is once it answers. It ends when nobody reads the output
of this process any more. Ports are taken before the server starts and, where it can, handed over to
it, so nobody else gets them in between.
"""
import asyncio
import ctypes
import glob
import grp
import hashlib
import http.client
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from certificates import Authority
import lifeline

LIFETIME = 3600
PATIENCE = 60  # seconds for a server to answer
HERE = os.path.dirname(os.path.abspath(__file__))

folder = tempfile.mkdtemp(prefix="saros-spec-")
children = []


def clean_up():
    for child in children:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except OSError:
            pass
    shutil.rmtree(folder, ignore_errors=True)


def die_with_parent():
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def start(command, sockets=(), **environment):
    """Starts a program in a group of its own; its output goes into a file of the folder."""
    with open(place("output"), "ab") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, start_new_session=True,
            pass_fds=[each.fileno() for each in sockets], preexec_fn=die_with_parent, env={**os.environ, **environment})
    children.append(child)
    return child


def place(name):
    return os.path.join(folder, name)


def write(name, text):
    with open(place(name), "w") as file:
        file.write(text)


def listener(backlog=2048):
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(backlog)
    sock.setblocking(False)  # for who gets it handed over
    return sock


def port_of(sock):
    return sock.getsockname()[1]


def answers(port, path):
    """The Server header of an answer, None where there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().getheader("Server", "")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def wait_for(child, port, path, name):
    """Waits until the child, and nobody else, answers. False: it has ended."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        server = answers(port, path)
        if child.poll() is not None:
            return False
        if server is not None and name in server:
            return True
        time.sleep(0.02)
    return False


def find(*names):
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    raise FileNotFoundError(names[0])


def give_up():
    with open(place("output")) as file:
        sys.stderr.write(file.read())
    clean_up()
    sys.exit("%s did not start" % sys.argv[1])


# ---- nginx ---------------------------------------------------------------------------------------

SIZES = {"big": 64 << 20, "huge": 512 << 20}


def make_files():
    os.makedirs(place("files/folder"))
    for name in ("store", "small"):
        os.makedirs(place("files/" + name))
    write("files/hello.txt", "hello from nginx\n")
    write("files/gone.html", "<p>it was here once</p>\n")
    write("files/lines.txt", "".join("line %06d\n" % i for i in range(100000)))
    for name, size in SIZES.items():
        with open(place("files/%s.bin" % name), "wb") as file:
            file.truncate(size)  # with holes: it takes no room
    write("passwords", "user:{PLAIN}secret\n")


def make_certificates():
    authority = Authority(folder)
    authority.issue("localhost", "DNS:localhost,IP:127.0.0.1")
    authority.issue("expired", "DNS:localhost,IP:127.0.0.1", days=-1)
    authority.issue("member")
    Authority(folder, "stranger").issue("nobody")


async def swallow(reader, writer):
    """Takes all that comes and never says a word."""
    try:
        while await reader.read(65536):
            pass
    except ConnectionError:
        pass
    writer.close()


def full_listener():
    """Where connecting takes for ever: its queue is full."""
    full = listener(0)
    clients = [socket.socket() for _ in range(4)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(full.getsockname())
    return full, clients


async def nginx():
    make_files()
    make_certificates()
    sockets = {name: listener() for name in
               ("plain", "tls", "h2", "tls12", "members", "expired", "few", "few2", "some2", "impatient")}
    mute = await asyncio.start_server(swallow, "127.0.0.1", 0, backlog=2048)
    ports = {name: port_of(sock) for name, sock in sockets.items()}
    ports["mute"] = port_of(mute.sockets[0])
    # The workers of root would be somebody else, who may not look into the folder.
    user = "user root %s;" % grp.getgrgid(0).gr_name if os.getuid() == 0 else ""
    for name, source in (("nginx.conf", "nginx.conf"), ("locations.conf", "nginx-locations.conf")):
        with open(os.path.join(HERE, source)) as file:
            text = file.read().replace("@folder@", folder).replace("@user@", user)
        for key, port in ports.items():
            text = text.replace("@%s@" % key, str(port))
        write(name, text)
    # So a new nginx takes over the sockets of the one before it.
    handed = "".join("%d;" % sock.fileno() for sock in sockets.values())
    child = start([find("nginx"), "-p", folder, "-c", "nginx.conf"], sockets.values(), NGINX=handed)
    if not await asyncio.to_thread(wait_for, child, ports["plain"], "/facts", "nginx"):
        give_up()
    for sock in sockets.values():
        sock.close()
    full, held = full_listener()
    tell({**ports, "full": port_of(full), "unix": place("nginx.sock"), "folder": folder, **SIZES,
          **{name: place(name + ".pem") for name in ("ca", "stranger", "member", "nobody")},
          **{name + "_key": place(name + ".key") for name in ("member", "nobody")}})
    await asyncio.sleep(LIFETIME)
    del held


# ---- httpbin -------------------------------------------------------------------------------------

async def httpbin():
    sock = listener()
    # Debian's modules are Debian's python's, whatever else goes by that name.
    python = find("/usr/bin/python3", "python3")
    child = start([python, "-B", "-m", "gunicorn", "--worker-class=gthread", "--threads=32", "--keep-alive=30",
                   "--worker-tmp-dir=" + folder, "--bind=fd://%d" % sock.fileno(), "httpbin:app"], [sock])
    if not await asyncio.to_thread(wait_for, child, port_of(sock), "/status/200", "gunicorn"):
        give_up()
    tell({"port": port_of(sock)})
    await asyncio.sleep(LIFETIME)


# ---- tinyproxy -----------------------------------------------------------------------------------

PROXY = """
Listen 127.0.0.1
Port %d
Timeout 60
MaxClients 200
LogLevel Connect
LogFile "%s"
Filter "%s"
FilterExtended On
FilterURLs Off
"""


def start_proxy(name, more=""):
    """tinyproxy takes no sockets, only numbers: should it lose its port to somebody else, it gets another one."""
    for _ in range(10):
        with listener() as sock:
            port = port_of(sock)
        write(name + ".conf", PROXY % (port, place(name + ".log"), place("filter")) + more)
        child = start([find("tinyproxy"), "-d", "-c", place(name + ".conf")])
        if wait_for(child, port, "/", "tinyproxy"):
            return port
    return give_up()


async def tinyproxy():
    write("filter", r"^denied\.invalid$" + "\n")
    tell({"open": start_proxy("open"), "locked": start_proxy("locked", "BasicAuth user secret\n")})
    await asyncio.sleep(LIFETIME)


# ---- PostgreSQL ----------------------------------------------------------------------------------

POSTGRES_SETTINGS = """
listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = '%s'
ssl = on
ssl_cert_file = '%s/localhost.pem'
ssl_key_file = '%s/localhost.key'
fsync = off
max_connections = 50
logging_collector = off
"""
POSTGRES_ACCESS = """
local all all scram-sha-256
host all tester 127.0.0.1/32 md5
hostssl all all 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""


def newest_postgres():
    """The folder of the programs, of which only clients are on the path."""
    versions = glob.glob("/usr/lib/postgresql/*/bin/postgres")
    return os.path.dirname(max(versions)) if versions else os.path.dirname(find("postgres"))


def postgres_identity():
    """PostgreSQL does not run as root: who runs it then, as arguments of Popen."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    for path, folders, files in os.walk(folder):
        for each in [path] + [os.path.join(path, name) for name in files]:
            os.chown(each, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def accepts(port):
    """Whether a server there greets in the way of PostgreSQL."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
            probe.sendall((8).to_bytes(4, "big") + (80877103).to_bytes(4, "big"))
            return probe.recv(1) == b"S"
    except OSError:
        return False


def start_postgres(programs, identity):
    for _ in range(10):
        with listener() as sock:
            port = port_of(sock)
        write("data/postgresql.conf", POSTGRES_SETTINGS % (port, folder, folder, folder))
        with open(place("output"), "ab") as output:
            child = subprocess.Popen([programs + "/postgres", "-D", place("data")], stdin=subprocess.DEVNULL,
                                     stdout=output, stderr=output, cwd=folder, start_new_session=True, **identity)
        children.append(child)
        deadline = time.monotonic() + PATIENCE
        while child.poll() is None and time.monotonic() < deadline:
            if accepts(port):
                return port
            time.sleep(0.02)
    return give_up()


async def postgres():
    Authority(folder).issue("localhost", "DNS:localhost,IP:127.0.0.1")
    write("password", "secret")
    programs, identity = newest_postgres(), postgres_identity()
    with open(place("output"), "ab") as output:
        subprocess.run([programs + "/initdb", "-D", place("data"), "-U", "ada", "--pwfile", place("password"),
                        "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"],
                       stdout=output, stderr=output, cwd=folder, check=True, **identity)
    stored = "md5" + hashlib.md5(b"secret" + b"tester").hexdigest()
    with open(place("output"), "ab") as output:
        subprocess.run([programs + "/postgres", "--single", "-D", place("data"), "postgres"],
                       input=b"CREATE ROLE tester LOGIN PASSWORD '%s'\n" % stored.encode(),
                       stdout=output, stderr=output, cwd=folder, check=True, **identity)
    write("data/pg_hba.conf", POSTGRES_ACCESS)
    postgres_identity()
    port = start_postgres(programs, identity)
    tell({"port": port, "unix": place(".s.PGSQL.%d" % port), "ca": place("ca.pem"), "user": "ada",
          "password": "secret", "database": "postgres"})
    await asyncio.sleep(LIFETIME)


def tell(places):
    print(json.dumps(places), flush=True)


lifeline.tie(clean_up, LIFETIME)
asyncio.run({"nginx": nginx, "httpbin": httpbin, "tinyproxy": tinyproxy, "postgres": postgres}[sys.argv[1]]())
