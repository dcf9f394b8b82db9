# SPDX-License-Identifier: MIT
"""Runs a program on a terminal of its own: terminal.py TEXT PROGRAM ARGUMENT...

Types the text, prints all that the program writes, and then in a line of its own whether the terminal is as it was:
its modes, and the flags of what was opened."""
import fcntl
import os
import pty
import sys
import termios

far, near = pty.openpty()
before = termios.tcgetattr(near), fcntl.fcntl(near, fcntl.F_GETFL)
child = os.fork()
if child == 0:
    os.close(far)
    os.setsid()
    fcntl.ioctl(near, termios.TIOCSCTTY, 0)
    for number in range(3):
        os.dup2(near, number)
    os.execvp(sys.argv[2], sys.argv[2:])
os.write(far, sys.argv[1].encode())
_, status = os.waitpid(child, 0)
after = termios.tcgetattr(near), fcntl.fcntl(near, fcntl.F_GETFL)
os.close(near)
output = b""
while True:
    try:
        data = os.read(far, 65536)
    except OSError:  # the end, in the words of Linux
        break
    if not data:
        break
    output += data
sys.stdout.write(output.decode().replace("\r\n", "\n"))
print("as it was" if before == after else "changed: %r, %r" % (before, after), os.WEXITSTATUS(status))
