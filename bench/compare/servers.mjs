// The servers of the comparison: each on a free port of the loopback, in a folder of its own, ended by whoever started it.
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";

const POSTGRES = "/usr/lib/postgresql/15/bin";
const SHOWN_MAX = 2000;
const START_MS_MAX = 60000;

const freePort = () =>
  new Promise((resolve) => {
    const probe = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

/** Starts a program and comes back with what it printed when that has `ready`. */
async function start(program, words, ready, options = {}) {
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"], ...options });
  let printed = "";
  const ended = new Promise((resolve) => child.once("close", resolve));
  const late = setTimeout(() => child.kill("SIGKILL"), START_MS_MAX);
  await new Promise((resolve, reject) => {
    const take = (text) => {
      printed = (printed + text).slice(-SHOWN_MAX);
      if (ready.test(printed)) resolve();
    };
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    child.once("error", reject);
    child.once("close", () => reject(new Error(`${program} did not start: ${printed}`)));
  });
  clearTimeout(late);
  const end = (signal) => {
    child.kill(signal);
    return ended;
  };
  return { printed, end };
}

/** PostgreSQL refuses to run as root; its package has made a user for it. */
function asPostgres() {
  if (process.getuid() !== 0) return {};
  const id = (which) => Number(execFileSync("id", [which, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

export async function startSojourn(folder, { binary }) {
  const server = await start(binary, ["serve", "--data", join(folder, "data"), "--listen", "127.0.0.1:0"],
                             /is at http:\/\/\S+:\d+\//);
  const word = (pattern) => pattern.exec(server.printed)[1];
  const port = Number(word(/is at http:\/\/\S+?:(\d+)/));
  const journey = {
    name: "Compare", entry: { rules: [{ event: "Cart Updated" }] }, timeout: "30d", start: "cool_off",
    nodes: { cool_off: { type: "wait", for: "7d", next: "end" }, end: { type: "stop" } },
  };
  const answer = await fetch(`http://127.0.0.1:${port}/v1/journeys?publish=true`, {
    method: "POST", body: JSON.stringify(journey), headers: { Authorization: `Bearer ${word(/admin token .*: +(\S+)/)}` },
  });
  if (!answer.ok) throw new Error(`publishing: ${answer.status} ${await answer.text()}`);
  return { port, key: word(/write key .*: +(\S+)/), end: () => server.end("SIGTERM") };
}

export async function startRedis(folder, { fsync }) {
  const [port, password] = [await freePort(), randomBytes(16).toString("hex")];
  const server = await start("redis-server",
    ["--port", port, "--bind", "127.0.0.1", "--requirepass", password, "--dir", folder, "--save", "",
     "--appendonly", "yes", "--appendfsync", fsync].map(String), /Ready to accept connections/);
  return { port, password, end: () => server.end("SIGKILL") };
}

export async function startPostgres(folder) {
  const [port, password, user] = [await freePort(), randomBytes(16).toString("hex"), asPostgres()];
  const [data, secret] = [join(folder, "data"), join(folder, "secret")];
  mkdirSync(data);
  writeFileSync(secret, password, { mode: 0o600 });
  if (user.uid) for (const path of [folder, data, secret]) chownSync(path, user.uid, user.gid);
  execFileSync(`${POSTGRES}/initdb`, ["-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8"],
               { ...user, cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  const settings = { listen_addresses: "127.0.0.1", unix_socket_directories: "", port, synchronous_commit: "on", fsync: "on",
                     shared_buffers: "1GB", max_wal_size: "4GB" };
  const words = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = await start(`${POSTGRES}/postgres`, ["-D", data, ...words], /ready to accept connections/, { ...user, cwd: folder });
  return { port, password, end: () => server.end("SIGINT") };
}
