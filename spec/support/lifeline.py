# SPDX-License-Identifier: MIT
"""Ends a server of the specs with the process that reads its output, however that ends."""
import os
import select
import signal
import sys
import threading


def tie(clean_up, lifetime):
    """Calls clean_up and ends this process when nobody reads its output any more, or after so many seconds."""

    def leave(*_):
        clean_up()
        os._exit(0)

    def watch():
        watched = select.poll()
        watched.register(sys.stdout.fileno(), 0)
        watched.poll(lifetime * 1000)
        leave()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    threading.Thread(target=watch, daemon=True).start()
