# SPDX-License-Identifier: MIT
"""Runs a program on a terminal of its own: typist.py PROGRAM ARGUMENT...

What is written to its standard input is typed, what the program writes comes out, and its exit status is passed on."""
import fcntl
import os
import pty
import select
import struct
import sys
import termios

child, far = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
watched = [0, far]
while far in watched:
    for source in select.select(watched, [], [])[0]:
        try:
            data = os.read(source, 65536)
        except OSError:  # the end, in the words of Linux
            data = b""
        if not data:
            watched.remove(source)
        else:
            os.write(far if source == 0 else 1, data)
_, status = os.waitpid(child, 0)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
