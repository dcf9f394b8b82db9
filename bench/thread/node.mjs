// SPDX-License-Identifier: MIT
// CPU work over all cores: node bench/thread/node.mjs WORK MILLISECONDS JOBS, in worker_threads, two jobs ahead each.
import os from "node:os";
import { Worker, isMainThread, parentPort } from "node:worker_threads";

const items = Array.from({ length: 20 }, (_, i) =>
  ({ id: i + 1, name: `name ${i + 1}`, tags: ["one", "two", "three"], price: (i + 1) * 1.5 }));
const text = JSON.stringify(items);

// A picture of 32 by 32 pixels, which travels with each job: it shrinks it to half of that, and gives it back.
const side = 32;
const picture = Uint8Array.from({ length: side * side * 3 }, (_, i) => ((i + 1) * 7) % 256);

const works = {
  images(job) {
    let small;
    for (let i = 0; i < job.times; i++) {
      small = new Uint8Array((side * side * 3) / 4);
      let to = 0;
      for (let y = 0; y < side; y += 2) {
        for (let x = 0; x < side; x += 2) {
          const at = 3 * (y * side + x);
          for (let c = at; c < at + 3; c++) {
            const sum = job.picture[c] + job.picture[c + 3] + job.picture[c + 3 * side] + job.picture[c + 3 * side + 3];
            small[to++] = sum >> 2;
          }
        }
      }
    }
    return small;
  },
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

function jobOf(work, times) {
  return work === "images" ? { picture, times } : times;
}

function calibrate(work, milliseconds) {
  const trials = [];
  for (let i = 0; i < 61; i++) { // the first ones are not compiled yet
    const begin = process.cpuUsage();
    works[work](jobOf(work, 500));
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
      if (next < list.length) worker.postMessage({ work, index: next, job: list[next++] });
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
  const times = calibrate(work, milliseconds);
  const workers = Array.from({ length: os.cpus().length }, () => new Worker(new URL(import.meta.url)));
  await map(workers, work, Array(8 * workers.length).fill(jobOf(work, times))); // warm
  const begin = process.hrtime.bigint();
  const results = await map(workers, work, Array(jobs).fill(jobOf(work, times)));
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  if (results.length !== jobs || String(results[0]) !== String(results[jobs - 1])) throw new Error("wrong results");
  console.log(`seconds=${seconds.toFixed(6)} bytes=0`);
  await Promise.all(workers.map((worker) => worker.terminate()));
}

if (isMainThread) await main();
else parentPort.on("message", ({ work, index, job }) => parentPort.postMessage({ index, result: works[work](job) }));
