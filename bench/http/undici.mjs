// SPDX-License-Identifier: MIT
// The HTTP workloads for undici, the HTTP client of Node.
//
//     node bench/http/undici.mjs many|serial|stream N URL [CA_FILE]
//
// Prints seconds=... bytes=... (peak of resident memory); see floor.c for what they mean. Where
// undici is comes in the environment: NODE_PATH does not hold for modules of this kind.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Agent, request } = createRequire(process.env.UNDICI_FROM)("undici");
const [kind, count, url, caFile] = process.argv.slice(2);
const WARM_UP = 640;

const connect = caFile ? { ca: readFileSync(caFile) } : {};
const dispatcher = new Agent({ connections: kind === "many" ? 64 : 1, connect });

function check(good, what) {
  if (!good) throw new Error(what);
}

async function get() {
  const { statusCode, body } = await request(url, { dispatcher });
  const bytes = await body.arrayBuffer();
  check(statusCode === 200 && bytes.byteLength === 1024, "wrong answer");
}

async function many(n) {
  let left = n;
  async function work() {
    while (left > 0) {
      left--;
      await get();
    }
  }
  const started = performance.now();
  await Promise.all(Array.from({ length: 64 }, work));
  return performance.now() - started;
}

async function serial(n) {
  const times = [];
  for (let i = 0; i < n; i++) {
    const started = performance.now();
    await get();
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  return times[n >> 1];
}

async function stream(n) {
  const started = performance.now();
  let size = 0;
  const { body } = await request(url, { dispatcher });
  for await (const chunk of body) size += chunk.length;
  check(size === n * 2 ** 20, "bytes are missing");
  return performance.now() - started;
}

function peak() {
  return /^VmHWM:\s*(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))[1] * 1024;
}

const workload = { many, serial, stream }[kind];
if (kind !== "stream") await workload(WARM_UP);
const milliseconds = await workload(Number(count));
console.log(`seconds=${(milliseconds / 1000).toFixed(9)} bytes=${peak()}`);
await dispatcher.close();
