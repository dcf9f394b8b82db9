# SPDX-License-Identifier: MIT
"""What the suites of benchmarks share: running the peers in turn, and the table that comes of it.

A suite has `names` (its peers, saros first), `counted` (those whose instructions are counted unless
others are asked for), `workloads`, `rows`, `missing` (peer: why it is not there), `environment`
(peer: variables), `command(peer, workload, size, counting)` (None where a peer has no such workload),
`notes()` and `close()`, and perhaps `counts_itself`: with counting the command calls Valgrind by itself. A peer measures
itself around its workload and prints seconds=... bytes=...
"""
import dataclasses
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LUA = os.environ.get("LUA", "lua5.4")
# Debian's own Python is the one that its python3-... packages belong to.
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
BREAKS = ("failed", "timeout", "not found", "broken")


@dataclasses.dataclass
class Workload:
    size: int
    quick: int
    operations: object  # how many operations a size stands for
    counted: int  # size with which instructions are counted
    larger: object = lambda size: 2 * size  # and that with which they are compared; None: with none


# When memory goes back to the system is decided by what glibc has seen so far, unless it is told: the same for all.
MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(64 << 20)}


# What a row shows: (unit, decimals, figure of one run, whether more of it is better).
MILLIONS = ("M/s", 2, lambda run, items: items / run["seconds"] / 1e6, True)
THOUSANDS = ("k/s", 2, lambda run, items: items / run["seconds"] / 1e3, True)
EACH_SECOND = ("MiB/s", 0, lambda run, items: items / run["seconds"], True)
SECONDS = ("s", 3, lambda run, items: run["seconds"], False)
BYTES = ("bytes", 0, lambda run, items: run["bytes"] / items, False)
MILLISECONDS = ("ms", 2, lambda run, items: run["seconds"] * 1e3, False)
MICROSECONDS = ("us", 0, lambda run, items: run["seconds"] * 1e6, False)
MEBIBYTES = ("MiB", 2, lambda run, items: run["bytes"] / 2**20, False)


@dataclasses.dataclass
class Row:
    workload: str
    title: str
    shows: tuple
    target: str
    ratios: dict = dataclasses.field(default_factory=dict)  # peer: least ratio of saros to it
    most: float = None  # or an absolute limit
    pick: object = statistics.median  # which of the figures of all runs


# ---- Running programs ----------------------------------------------------------------------------


class Failed(Exception):
    """With a word for the table."""


def execute(command, env=None, timeout=300):
    try:
        return subprocess.run(
            command, cwd=ROOT, env={**os.environ, **(env or {})}, timeout=timeout,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
    except subprocess.TimeoutExpired:
        raise Failed("timeout") from None
    except OSError as error:
        sys.stderr.write(f"\n{error}\n")
        raise Failed("not found") from None


def works(*command, env=None, loud=False):
    if not shutil.which(command[0]):
        return False
    done = execute(command, env)
    if loud:
        sys.stderr.write(done.stderr)
    return done.returncode == 0


def output(*command):
    return execute(command).stdout.strip() if shutil.which(command[0]) else ""


def compile_c(source, program, *flags):
    """The program, or None where it cannot be compiled."""
    os.makedirs(os.path.join(ROOT, os.path.dirname(program)), exist_ok=True)
    command = [os.environ.get("CC", "cc"), "-std=c11", "-D_DEFAULT_SOURCE", "-O2", "-Wall"]
    command += ["-Wextra", "-Wconversion", "-Wshadow", source, "-o", program]
    return program if works(*command, *flags, loud=True) else None


def package_flags(packages, otherwise):
    """Compiler flags of pkg-config, where that is."""
    found = shutil.which("pkg-config") and output("pkg-config", "--cflags", "--libs", *packages)
    return (found or otherwise).split()


def saros_environment(build):
    return {"LUA_PATH": "lua/?.lua;lua/?/init.lua;;", "LUA_CPATH": f"{build}/lib/?.so;;"}


def why_no_saros(build, environment):
    """A word for the table, or None where saros works."""
    if not os.path.exists(os.path.join(ROOT, build, "lib/saros/core.so")):
        return "not built"
    return None if works(LUA, "-e", 'require "saros"', env=environment, loud=True) else "broken"


# ---- Measuring -----------------------------------------------------------------------------------


def fail(peer, workload, done):
    sys.stderr.write(f"\n{peer} {workload}: exit {done.returncode}\n{done.stderr}\n")
    raise Failed("failed")


def measure(suite, peer, workload, size):
    """One run: {"seconds": ..., "bytes": ...}, or None where the peer has no such workload."""
    command = suite.command(peer, workload, size)
    if not command:
        return None
    if not command[0]:
        raise Failed("no cc")
    done = execute(command, {**MALLOC, **suite.environment.get(peer, {})})
    found = dict(re.findall(r"(seconds|bytes|alone)=([\d.]+)", done.stdout))
    if done.returncode or not {"seconds", "bytes"} <= found.keys():
        fail(peer, workload, done)
    return {name: float(value) for name, value in found.items()}


def count(suite, peer, workload, size):
    """Instructions for each operation: the difference between two sizes, so that starting is not in
    it. Where there is only one size, those of the process."""

    def instructions(size):
        command = suite.command(peer, workload, size, counting=True)
        if not command:
            return None
        valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no"]
        valgrind.append("--cachegrind-out-file=/dev/null")
        if getattr(suite, "counts_itself", False):
            valgrind = []
        done = execute(valgrind + command, suite.environment.get(peer), timeout=600)
        found = re.search(r"I +refs: +([\d,]+)", done.stderr)
        if done.returncode or not found:
            fail(peer, workload, done)
        return int(found[1].replace(",", ""))

    kind = suite.workloads[workload]
    less = instructions(size)
    if less is None or kind.larger is None:
        return less
    more = kind.larger(size)
    return (instructions(more) - less) / (kind.operations(more) - kind.operations(size))


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def collect(suite, names, workloads, runs, size, once):
    """{(workload, peer): [result of each run], or a word that says why there is none}"""
    results = {}
    for run in range(runs):
        for workload in workloads:
            for peer in names:
                key = workload, peer
                if peer in suite.missing:
                    results[key] = suite.missing[peer]
                if isinstance(results.get(key), str):
                    continue
                progress(f"run {run + 1} of {runs}: {workload}, {peer}")
                try:
                    result = once(suite, peer, workload, size(suite.workloads[workload]))
                except Failed as reason:
                    results[key] = str(reason)
                    continue
                if result is None:
                    results[key] = "-"
                else:
                    results.setdefault(key, []).append(result)
    progress("")
    return results


# ---- Printing ------------------------------------------------------------------------------------


def print_line(title, unit, cells, rest=""):
    print(f"{title:<23}{unit:>6}" + "".join(f"{cell:>11}" for cell in cells) + "  " + rest)


def ratio(figure, other, more_is_better):
    """How many times saros is ahead: above 1 it is faster, or smaller."""
    return figure / other if more_is_better else other / figure


def verdict(row, figures, ratios):
    if not row.ratios and row.most is None:
        return ""
    if "saros" not in figures or any(peer not in ratios for peer in row.ratios):
        return ""
    reached = all(ratios[peer] >= least for peer, least in row.ratios.items())
    if row.most is not None:
        reached = figures["saros"] <= row.most
    return "reached" if reached else "MISSED"


def summarize_times(suite, results, names, workloads, size):
    """(row, {peer: median, or a word}) of each row."""
    for row in suite.rows:
        if row.workload not in workloads:
            continue
        figure_of = row.shows[2]
        workload = suite.workloads[row.workload]
        items = workload.operations(size(workload))
        yield row, {
            peer: runs if isinstance(runs, str) else row.pick([figure_of(run, items) for run in runs])
            for peer in names for runs in [results[row.workload, peer]]}


def print_times(suite, results, names, workloads, size):
    print_line("", "", names, "target")
    for row, cells in summarize_times(suite, results, names, workloads, size):
        unit, decimals, _, more_is_better = row.shows
        figures = {peer: cell for peer, cell in cells.items() if not isinstance(cell, str)}
        ratios = {}
        if "saros" in figures:
            for peer in figures:
                ratios[peer] = ratio(figures["saros"], figures[peer], more_is_better)
        texts = [cell if isinstance(cell, str) else f"{cell:,.{decimals}f}" for cell in cells.values()]
        print_line(row.title, unit, texts, row.target)
        under = [f"{ratios[p]:.2f}x" if p in ratios and p != "saros" else "" for p in names]
        result = verdict(row, figures, ratios)
        if any(under) or result:
            print_line("", "", under, result)


def save(path, key, value):
    """Puts what was measured into a file of JSON, beside what it has of others."""
    found = {}
    if os.path.exists(path):
        with open(path) as file:
            found = json.load(file)
    found[key] = value
    with open(path, "w") as file:
        json.dump(found, file, indent=1)
        file.write("\n")


def save_times(path, name, suite, results, names, workloads, size, about):
    rows = []
    for row, cells in summarize_times(suite, results, names, workloads, size):
        unit, decimals, _, more_is_better = row.shows
        rows.append({"title": row.title, "unit": unit, "decimals": decimals, "more_is_better": more_is_better,
                     "target": row.target, "figures": cells})
    save(path, f"{name} times", {"about": about, "rows": rows})


def save_instructions(path, name, results, names, workloads, about):
    rows = [{"title": workload, "figures": {
        peer: runs if isinstance(runs, str) else round(statistics.median(runs))
        for peer in names for runs in [results[workload, peer]]}} for workload in workloads]
    save(path, f"{name} instructions", {"about": about, "rows": rows})


def print_instructions(results, names, workloads):
    print_line("instructions for each", "", names)
    for workload in workloads:
        figures = {}
        for peer in names:
            runs = results[workload, peer]
            figures[peer] = runs if isinstance(runs, str) else statistics.median(runs)
        cells = [f if isinstance(f, str) else f"{f:,.0f}" for f in figures.values()]
        print_line(workload, "", cells)
        ours = figures.get("saros", "")
        if not isinstance(ours, str):
            under = ["" if p == "saros" or isinstance(f, str) else f"{f / ours:.2f}x"
                     for p, f in figures.items()]
            if any(under):
                print_line("", "", under)
