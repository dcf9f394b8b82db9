# SPDX-License-Identifier: MIT
"""Certificates for the specs: an authority of their own, and what it signs."""
import json
import os
import shutil
import subprocess
import tempfile
import threading

import lifeline

LIFETIME = 3600


class Authority:
    """A certificate authority whose files lie in a folder, under its name."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self.cert, self.key = self._path(name + ".pem"), self._path(name + ".key")
        self._make_key(self.key)
        self._openssl("req", "-x509", "-new", "-key", self.key, "-days", "2", "-subj", "/CN=" + name, "-out", self.cert)

    def issue(self, name, alternatives="", days=2):
        """Signs a certificate for a name; gives the paths of certificate and key. Days below zero: it has expired."""
        cert, key, request = (self._path(name + suffix) for suffix in (".pem", ".key", ".csr"))
        extensions = self._path(name + ".ext")
        with open(extensions, "w") as file:
            file.write("basicConstraints=CA:FALSE\n")
            if alternatives:
                file.write("subjectAltName=%s\n" % alternatives)
        self._make_key(key)
        self._openssl("req", "-new", "-key", key, "-subj", "/CN=" + name, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial",
                      "-days", str(days), "-extfile", extensions, "-out", cert)
        return cert, key

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _make_key(self, path):
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    """Makes those that the specs of TLS share, says their paths in JSON, and removes them when nobody reads any more."""
    names = "DNS:localhost,DNS:example.test,IP:127.0.0.1,IP:::1"
    folder = tempfile.mkdtemp(prefix="saros-certificates-")
    lifeline.tie(lambda: shutil.rmtree(folder, ignore_errors=True), LIFETIME)
    authority, stranger = Authority(folder), Authority(folder, "stranger")
    files = {"ca": authority.cert, "stranger": stranger.cert, "stranger_key": stranger.key}
    files["server"], files["server_key"] = authority.issue("server", names)
    files["expired"], files["expired_key"] = authority.issue("expired", names, -1)
    files["other"], files["other_key"] = authority.issue("other", "DNS:other.example,DNS:www.other.example")
    files["client"], files["client_key"] = authority.issue("client")
    for name, parts in (("bundle", ("server", "server_key")), ("garbage", ())):
        files[name] = os.path.join(folder, name)
        with open(files[name], "w") as file:
            file.write("".join(open(files[part]).read() for part in parts) or "nothing of use\n")
    print(json.dumps(files), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
