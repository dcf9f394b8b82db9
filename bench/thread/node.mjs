// SPDX-License-Identifier: MIT
// CPU work over all cores: node bench/thread/node.mjs WORK MILLISECONDS JOBS, in worker_threads, two jobs ahead each.
import os from "node:os";
import { Worker, isMainThread, parentPort } from "node:worker_threads";

const items = Array.from({ length: 20 }, (_, i) =>
  ({ id: i + 1, name: `name ${i + 1}`, tags: ["one", "two", "three"], price: (i + 1) * 1.5 }));
const text = JSON.stringify(items);

const works = {
  primes(times) {
    let count = 0;
    for (let i = 0; i < times; i++) {
      for (let n = 2; n <= 200; n++) {
        let isPrime = true;
        for (let d = 2; d < n; d++) {
          if (d * d > n) break;
          if (n % d === 0) { isPrime = false; break; }
        }
        if (isPrime) count++;
      }
    }
    return count;
  },
  json(times) {
    let length = 0;
    for (let i = 0; i < times; i++) length += JSON.stringify(JSON.parse(text)).length;
    return length;
  },
};

function calibrate(fn, milliseconds) {
  const trials = [];
  for (let i = 0; i < 61; i++) { // the first ones are not compiled yet
    const begin = process.cpuUsage();
    fn(500);
    const used = process.cpuUsage(begin);
    if (i >= 20) trials.push((used.user + used.system) / 1e3 / 500);
  }
  trials.sort((a, b) => a - b);
  return Math.max(1, Math.round(milliseconds / trials[20]));
}

// A list of arguments through all workers; the results in order.
function map(workers, work, list) {
  return new Promise((resolve) => {
    const results = [];
    let next = 0, left = list.length;
    const feed = (worker) => {
      if (next < list.length) worker.postMessage({ work, index: next, times: list[next++] });
    };
    for (const worker of workers) {
      worker.removeAllListeners("message");
      worker.on("message", ({ index, result }) => {
        results[index] = result;
        feed(worker);
        if (--left === 0) resolve(results);
      });
      feed(worker);
      feed(worker);
    }
  });
}

async function main() {
  const [work, milliseconds, jobs] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
  const times = calibrate(works[work], milliseconds);
  const workers = Array.from({ length: os.cpus().length }, () => new Worker(new URL(import.meta.url)));
  await map(workers, work, Array(8 * workers.length).fill(times)); // warm
  const begin = process.hrtime.bigint();
  const results = await map(workers, work, Array(jobs).fill(times));
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  if (results.length !== jobs || results[0] !== results[jobs - 1]) throw new Error("wrong results");
  console.log(`seconds=${seconds.toFixed(6)} bytes=0`);
  await Promise.all(workers.map((worker) => worker.terminate()));
}

if (isMainThread) await main();
else parentPort.on("message", ({ work, index, times }) => parentPort.postMessage({ index, result: works[work](times) }));
