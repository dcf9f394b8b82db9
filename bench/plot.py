#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts what was measured into docs/performance.md and README.md, as tables, and beside the former, as plots.

    bench/run runtime net http --save FILE
    bench/run runtime --instructions --save FILE
    lua5.4 bench/idle.lua >IDLE
    bench/plot.py FILE [IDLE]

A table stands between a line `<!-- NAME -->` and the next `<!-- end -->`. What FILE or IDLE has nothing of stays as it is.
`./dev figures` does all of this.
"""
import datetime
import json
import math
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCS = os.path.join(ROOT, "docs")
COLORS = ("#00557f", "#999999", "#d98200", "#3a923a", "#86c486", "#a64d79", "#d5a6bd")
FONT = 'font-family="sans-serif" font-size="12"'


# ---- Tables --------------------------------------------------------------------------------------


def replace(text, name, table):
    pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(text):
        sys.exit(f"there is no place for {name}")
    return pattern.sub(lambda found: found[1] + "\n" + table + "\n" + found[2], text)


def table(peers, rows, last=()):
    lines = [["", *peers, *last]]
    lines.append(["---"] + ["--:"] * len(peers) + ["---"] * len(last))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines + rows) + "\n"


def times_table(part):
    peers = list(part["rows"][0]["figures"])
    rows = []
    for row in part["rows"]:
        figures = row["figures"]
        cells = [f if isinstance(f, str) else f"{f:,.{row['decimals']}f}" for f in figures.values()]
        rows.append([f"{row['title']}, {row['unit']}", *cells, row["target"]])
    return table(peers, rows, ["to reach"]) + about(part)


def instructions_table(part):
    peers = list(part["rows"][0]["figures"])
    rows = [[row["title"], *(f if isinstance(f, str) else f"{f:,}" for f in row["figures"].values())]
            for row in part["rows"]]
    return table(peers, rows) + about(part)


def about(part):
    return "\n" + ".\n".join(part["about"]) + ".\n"


# What README.md has: of which suite and row, and in its words.
RATIOS = (
    ("runtime", "spawn and await", "spawn a task and await it"),
    ("runtime", "1,000 tasks x sleep(0)", "`sleep(0)` in 1,000 tasks"),
    ("runtime", "queue of 128", "an item through a queue"),
    ("runtime", "sleepers, each", "memory of a sleeping task"),
    ("runtime", "start and end", "begin and end of a program"),
    ("net", "echo, 64 bytes", "echo of 64 bytes, 64 connections"),
    ("net", "echo, 10 KiB", "echo of 10 KiB"),
    ("http", "1 KiB, 64 in flight", "GET of 1 KiB, 64 under way"),
    ("http", "one by one, median", "one GET after the other"),
    ("http", "and peak memory", "memory while 512 MiB stream in"),
)
COLUMNS = ("asyncio", "asyncio on uvloop", "luv", "Node")
# By suite, the peers of each column, and what is said of them there.
PEERS = {
    "runtime": ({"asyncio": ""}, {"uvloop": ""}, {"luv": ""}, {}),
    "net": ({}, {"streams": " (streams)", "uvloop": " (a protocol)"}, {"luv": ""}, {"node": ""}),
    "http": ({}, {"aiohttp": " (aiohttp)"}, {}, {"undici": " (undici)"}),
}


def ratio_cell(row, peers):
    """How many times saros is ahead of each."""
    ratios = {peer: 1 / speed(row, peer) for peer in peers if speed(row, peer)}
    return ", ".join(f"{ratio:.{0 if ratio >= 10 else 1}f}{peers[peer]}" for peer, ratio in ratios.items())


def ratios_table(found):
    rows = []
    for suite, title, words in RATIOS:
        row = next(row for row in found[f"{suite} times"]["rows"] if row["title"] == title)
        rows.append([words, *(ratio_cell(row, peers) for peers in PEERS[suite])])
    lines = [["", *COLUMNS], ["---"] * (len(COLUMNS) + 1), *rows]
    abouts = [found[f"{suite} times"]["about"] for suite in PEERS]
    versions = dict.fromkeys(", ".join(about[1] for about in abouts).split(", "))
    about = f"{datetime.date.today():%-d %B %Y}, {abouts[0][0]}.\n{', '.join(versions)}.\n"
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n\n" + about


# ---- Plots ---------------------------------------------------------------------------------------


def text(x, y, what, anchor="start", color="#333333"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" {FONT}>{what}</text>'


def svg(width, height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>"]) + "\n"


def speed(row, peer):
    """How fast a peer is beside saros, which is 1; None where it has no figure."""
    ours, theirs = row["figures"].get("saros"), row["figures"].get(peer)
    if not isinstance(ours, (int, float)) or not isinstance(theirs, (int, float)):
        return None
    return theirs / ours if row["more_is_better"] else ours / theirs


def speed_plot(part):
    """A line for each row; on it a dot for each peer: to the right of the middle it is faster than saros."""
    peers = list(part["rows"][0]["figures"])
    left, width, top, step = 190, 560, 50, 24
    height = top + step * len(part["rows"]) + 40
    low, high = math.log(1 / 64), math.log(8)

    def place(value):
        return left + (min(max(math.log(value), low), high) - low) / (high - low) * width

    parts = []
    for value in (1 / 64, 1 / 16, 1 / 4, 1, 4):
        x = place(value)
        color = "#00557f" if value == 1 else "#dddddd"
        parts.append(f'<line x1="{x:.1f}" y1="{top - 8}" x2="{x:.1f}" y2="{height - 34}" stroke="{color}"/>')
        parts.append(text(x, height - 18, f"{value:g}" if value >= 1 else f"1/{1 / value:g}", "middle"))
    for index, peer in enumerate(peers):
        x = left + index * width / len(peers)
        parts.append(f'<circle cx="{x:.1f}" cy="18" r="5" fill="{COLORS[index]}"/>')
        parts.append(text(x + 9, 22, peer))
    for number, row in enumerate(part["rows"]):
        y = top + step * (number + 0.5)
        parts.append(text(left - 12, y + 4, row["title"], "end"))
        for index, peer in enumerate(peers):
            value = speed(row, peer)
            if value:
                parts.append(f'<circle cx="{place(value):.1f}" cy="{y:.1f}" r="5" fill="{COLORS[index]}" '
                             f'fill-opacity="0.85"/>')
    parts.append(text(left + width / 2, height - 3, "times as fast as saros", "middle"))
    return svg(left + width + 20, height, parts)


def read_idle(path):
    """[(title, names of the columns, rows of numbers)]"""
    tables = []
    with open(path) as file:
        for line in file:
            words = re.split(r"\s{2,}", line.strip())
            if line.startswith("nanoseconds"):
                tables.append([line.strip(), [], []])
            elif words[0] == "n":
                tables[-1][1] = words[1:]
            elif tables and words[0].isdigit():
                tables[-1][2].append([float(word) for word in words])
    return tables


def idle_table(tables):
    parts = []
    for title, names, rows in tables:
        cells = [[f"{row[0]:,.0f}", *(f"{number:,.0f}" for number in row[1:])] for row in rows]
        parts.append(title[0].upper() + title[1:] + ":\n\n" + table(names, cells))
    return "\n".join(parts)


def spread(labels):
    """Moves labels down that would stand on one another."""
    labels.sort()
    for above, label in zip(labels, labels[1:]):
        if label[1] == above[1]:
            label[0] = max(label[0], above[0] + 14)
    return labels


def idle_plot(tables):
    """The price of each operation beside n idle ones, both on logarithmic scales: a level line is what is wanted."""
    left, right, width, top, height = 70, 130, 480, 20, 260
    most = max(row[0] for _, _, rows in tables for row in rows)
    parts, labels, color = [], [], 0

    def place(n, nanoseconds):
        x = left + math.log10(n / 10) / math.log10(most / 10) * width
        return x, top + height - (math.log10(max(nanoseconds, 100)) - 2) / 3 * height

    for exponent in range(2, 6):
        _, y = place(10, 10**exponent)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + width}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(text(left - 8, y + 4, f"{10**exponent / 1000:g} us", "end"))
    n = 10
    while n <= most:
        parts.append(text(place(n, 100)[0], top + height + 18, f"{n:,}", "middle"))
        n *= 10
    for _, names, rows in tables:
        for column, name in enumerate(names, 1):
            points = [place(row[0], row[column]) for row in rows]
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{COLORS[color]}" stroke-width="2"/>')
            labels.append([points[-1][1] + 4, points[-1][0] + 6, name, COLORS[color]])
            color += 2 if color == 0 else 1
    for y, x, name, shade in spread(labels):
        parts.append(text(x, y, name, color=shade))
    parts.append(text(left + width / 2, top + height + 36, "idle tasks or connections", "middle"))
    return svg(left + width + right, top + height + 46, parts)


def write(name, content):
    with open(os.path.join(DOCS, name), "w") as file:
        file.write(content)


def write_ratios(found):
    path = os.path.join(ROOT, "README.md")
    with open(path) as file:
        page = file.read()
    with open(path, "w") as file:
        file.write(replace(page, "ratios", ratios_table(found)))


def main():
    with open(sys.argv[1]) as file:
        found = json.load(file)
    with open(os.path.join(DOCS, "performance.md")) as file:
        page = file.read()
    if "runtime times" in found:
        page = replace(page, "times", times_table(found["runtime times"]))
        write("performance.svg", speed_plot(found["runtime times"]))
    if "runtime instructions" in found:
        page = replace(page, "instructions", instructions_table(found["runtime instructions"]))
    if len(sys.argv) > 2:
        tables = read_idle(sys.argv[2])
        page = replace(page, "idle", idle_table(tables))
        write("idle.svg", idle_plot(tables))
    write("performance.md", page)
    if all(f"{suite} times" in found for suite in PEERS):
        write_ratios(found)


if __name__ == "__main__":
    main()
