# SPDX-License-Identifier: MIT
"""Ports that no other server of the specs has meanwhile, on several addresses."""
import socket

TRIES = 100


def _bound(address, port):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def take(*addresses):
    """A socket for each address, all with one port. As long as one does not listen, who connects there is refused.

    Raises OSError where the machine lacks one of the addresses.
    """
    for _ in range(TRIES):
        first = _bound(addresses[0], 0)
        taken = [first]
        try:
            for address in addresses[1:]:
                taken.append(_bound(address, first.getsockname()[1]))
            return taken
        except OSError as err:
            for sock in taken:
                sock.close()
            last = err
    raise last


def has_six():
    """Whether there is IPv6."""
    try:
        _bound("::1", 0).close()
        return True
    except OSError:
        return False
