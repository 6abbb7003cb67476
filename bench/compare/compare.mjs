// The same events through Sojourn and through two job queues, which is what journey products are usually built on: accepted
// durably and handled by handlers that do nothing. Prints Markdown.
// usage: node compare.mjs SOJOURN [--sizes 8000,1000000] [--runs N] [--limit SECONDS] [--in FOLDER]
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startPostgres, startRedis, startSojourn } from "./servers.mjs";

const MANY = 100000; // events: a run of more is made once
const RUNS = 5;
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sizes: { type: "string", default: "8000,1000000" }, runs: { type: "string" },
    limit: { type: "string", default: "240" }, in: { type: "string", default: "/var/tmp" },
  },
});

const designs = [
  { kind: "sojourn", name: "Sojourn, `POST /v1/batch`", start: startSojourn, workers: 0, binary: resolve(positionals[0] ?? "build/sojourn") },
  { kind: "bullmq", name: "BullMQ, Redis `appendfsync always`", start: startRedis, fsync: "always", workers: 2, concurrency: 100 },
  { kind: "bullmq", name: "BullMQ, Redis `appendfsync everysec` (loses up to a second)", start: startRedis, fsync: "everysec", workers: 2, concurrency: 100 },
  { kind: "pgboss", name: "pg-boss, PostgreSQL 15 `synchronous_commit on`", start: startPostgres, workers: 1, concurrency: 2 },
];

/** A process of ours that has said that it is ready. */
async function startProcess(file, job, running) {
  const child = fork(join(import.meta.dirname, file), [JSON.stringify(job)]);
  running.push(child);
  await new Promise((done, reject) => {
    child.once("message", done);
    child.once("exit", (code) => reject(new Error(`${file} ended with ${code}`)));
  });
  return child;
}

/** From the first request until everything is accepted and handled, or the limit. */
function measure(producer, workers, count, limitSeconds) {
  return new Promise((done, reject) => {
    const begin = performance.now();
    let handled = 0, accepted = 0;
    const seconds = () => (performance.now() - begin) / 1000;
    const finish = (cut) => done({ cut, accepted: accepted && count / accepted, handled: handled / seconds() });
    const timer = setTimeout(() => finish(true), limitSeconds * 1000);
    const look = () => {
      if (!workers.length && accepted) handled = count;
      if (!accepted || handled < count) return;
      clearTimeout(timer);
      finish(false);
    };
    producer.once("message", () => {
      accepted = seconds();
      look();
    });
    for (const worker of workers) {
      worker.on("message", (more) => {
        handled += more;
        look();
      });
    }
    for (const child of [producer, ...workers]) child.once("exit", (code) => code && reject(new Error(`a process ended with ${code}`)));
    producer.send("go");
  });
}

async function run(design, count) {
  const folder = mkdtempSync(join(options.in, "sojourn-compare-"));
  const running = [];
  let server;
  try {
    server = await design.start(folder, design);
    const job = { kind: design.kind, port: server.port, password: server.password, key: server.key, count, concurrency: design.concurrency };
    const producer = await startProcess("producer.mjs", job, running);
    const workers = [];
    for (let i = 0; i < design.workers; i++) workers.push(await startProcess("worker.mjs", job, running));
    return await measure(producer, workers, count, Number(options.limit));
  } finally {
    for (const child of running) child.removeAllListeners("exit").kill("SIGKILL");
    await server?.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

const whole = (value) => Math.round(value).toLocaleString("en-US");
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const spread = (values) => (values.length > 1 ? ` (${whole(Math.min(...values))} to ${whole(Math.max(...values))})` : "");

function printSize(count, runs, results) {
  const rate = (design, what) => results.get(design).map((result) => result[what]);
  const best = median(rate(designs[0], "handled"));
  console.log(`\n${whole(count)} events, ${runs === 1 ? "one run" : `median of ${runs} runs (from … to)`}:\n`);
  console.log("| | accepted /s | accepted and handled /s | Sojourn is |\n|---|--:|--:|--:|");
  for (const design of designs.filter((each) => results.has(each))) {
    const [accepted, handled] = [rate(design, "accepted"), rate(design, "handled")];
    const cut = results.get(design).some((result) => result.cut) ? `, stopped after ${options.limit} s` : "";
    const shown = accepted.every(Boolean) ? whole(median(accepted)) + spread(accepted) : "not all in that time";
    console.log(`| ${design.name}${cut} | ${shown} | ${whole(median(handled))}${spread(handled)} | ${(best / median(handled)).toFixed(1)} × |`);
  }
}

async function main() {
  console.log(`Machine: ${os.cpus()[0].model}, ${os.cpus().length} processors, ${whole(os.totalmem() / 2 ** 30)} GiB, Linux ${os.release()}, Node ${process.version}.`);
  for (const count of options.sizes.split(",").map(Number)) {
    const runs = Number(options.runs ?? (count > MANY ? 1 : RUNS));
    const results = new Map(designs.map((design) => [design, []]));
    for (let i = 0; i < runs; i++) {
      for (const design of designs) {
        const load = os.loadavg()[0].toFixed(1);
        const result = await run(design, count);
        results.get(design).push(result);
        console.error(`${whole(count)} events, run ${i + 1} of ${runs}: ${design.name}: ${whole(result.handled)}/s (load before ${load})`);
      }
    }
    printSize(count, runs, results);
  }
}

await main();
