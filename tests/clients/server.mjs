// `sojourn serve` as an operator runs it, and the clients as npm has them, for the programs beside this file.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(join(process.env.CLIENTS, "package.json"));
export const Segment = require("@segment/analytics-node").Analytics;
export const Rudder = require("@rudderstack/rudder-sdk-node");
export const axios = require("axios");

export class Server {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "sojourn-clients-"));
    this.data = join(this.folder, "data");
    this.port = 0;
  }

  /** Comes back when it listens: the first time on a free port, then always on the same one. */
  async start() {
    const log = openSync(join(this.folder, "log"), "a");
    this.process = spawn(process.env.SOJOURN, ["serve", "--data", this.data, "--listen", `127.0.0.1:${this.port}`],
                         { stdio: ["ignore", "pipe", log] });
    this.ended = new Promise((resolve) => this.process.once("exit", (status, signal) => resolve(status ?? signal)));
    let printed = "";
    this.process.stdout.setEncoding("utf8");
    for await (const text of this.process.stdout.iterator({ destroyOnReturn: false })) {
      printed += text;
      const listening = /is at http:\/\/\S+:(\d+)\//.exec(printed);
      if (!listening) continue;
      this.port = Number(listening[1]);
      this.writeKey ??= /write key .*: +(\S+)/.exec(printed)[1];
      this.adminToken ??= /admin token .*: +(\S+)/.exec(printed)[1];
      return this;
    }
    throw new Error(`it did not start: ${printed}${this.log()}`);
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  log() {
    return readFileSync(join(this.folder, "log"), "utf8");
  }

  end(signal) {
    this.process.kill(signal);
    return this.ended;
  }

  async restart(signal) {
    await this.end(signal);
    return this.start();
  }

  async ask(method, path, body) {
    const answer = await fetch(this.url + path, { method, body: body && JSON.stringify(body), headers: { Authorization: `Bearer ${this.adminToken}` } });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return answer.headers.get("content-type").includes("json") ? JSON.parse(text) : text;
  }

  async metric(name) {
    return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(await this.ask("GET", "/metrics"))[1]);
  }

  /** Of the directory, once the server has ended. */
  status() {
    return JSON.parse(execFileSync(process.env.SOJOURN, ["status", "--data", this.data, "--json"], { encoding: "utf8" }));
  }

  async discard() {
    if (this.process?.exitCode === null && this.process.signalCode === null) await this.end("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
