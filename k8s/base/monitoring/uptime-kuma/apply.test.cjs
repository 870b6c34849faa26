// node --test: the script against something that answers as Uptime Kuma does.
"use strict";
const test = require("node:test");
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { EventEmitter } = require("node:events");
const { read, plan, apply, MARK } = require("./apply.cjs");

const FILE = fs.readFileSync(path.join(__dirname, "monitors.json"), "utf8");
const PLACE = { PUBLIC_URL: "https://geocrop.example" };

/** Its events, as far as the script uses them. */
class Kuma {
  constructor() {
    this.user = null;
    this.monitors = {};
    this.next = 1;
    this.events = [];
  }

  socket() {
    const socket = new EventEmitter();
    const hear = EventEmitter.prototype.emit.bind(socket);
    let inside = false;
    socket.emit = (event, ...values) => {
      const answer = values.pop();
      this.events.push(event);
      setImmediate(() => {
        if (event === "needSetup") return answer(this.user === null);
        if (event === "setup") {
          this.user = values;
          return answer({ ok: true });
        }
        if (event === "login") {
          inside = values[0].username === this.user[0] && values[0].password === this.user[1];
          answer({ ok: inside, msg: "authIncorrectCreds" });
          if (inside) {
            hear("monitorList", structuredClone(this.monitors));
            hear("notificationList", [{ id: 7, isDefault: true }, { id: 8, isDefault: false }]);
          }
          return undefined;
        }
        if (!inside) return answer({ ok: false, msg: "You are not logged in." });
        const [value] = values;
        if (event === "add") this.monitors[this.next] = { ...value, id: this.next++ };
        else if (event === "editMonitor") this.monitors[value.id] = value;
        else if (event === "deleteMonitor") delete this.monitors[value];
        else return answer({ ok: false, msg: `unknown ${event}` });
        return answer({ ok: true });
      });
    };
    return socket;
  }
}

test("an empty server gets an administrator and every monitor, and a second time nothing changes", async () => {
  const kuma = new Kuma();
  const wanted = read(FILE, PLACE);
  await apply(kuma.socket(), wanted, "admin", "a good one 1");
  assert.equal(Object.keys(kuma.monitors).length, wanted.length);
  const site = Object.values(kuma.monitors).find((each) => each.name === "Site");
  assert.equal(site.url, "https://geocrop.example/");
  assert.deepEqual(site.notificationIDList, { 7: true });
  kuma.events.length = 0;
  await apply(kuma.socket(), wanted, "admin", "a good one 1");
  assert.deepEqual(kuma.events, ["needSetup", "login"]);
});

test("what changed is edited, what left the file is deleted, what people made stays", async () => {
  const kuma = new Kuma();
  await apply(kuma.socket(), read(FILE, PLACE), "admin", "a good one 1");
  kuma.monitors[99] = { id: 99, name: "My own", type: "ping", description: null };
  const fewer = read(FILE, { PUBLIC_URL: "https://elsewhere.example" }).filter((each) => each.name !== "Grafana");
  await apply(kuma.socket(), fewer, "admin", "a good one 1");
  const names = Object.values(kuma.monitors).map((each) => each.name);
  assert.ok(names.includes("My own") && !names.includes("Grafana"));
  assert.equal(Object.values(kuma.monitors).find((each) => each.name === "Site").url, "https://elsewhere.example/");
});

test("a wrong password, a name that is taken, a missing variable and a name given twice are said", async () => {
  const kuma = new Kuma();
  kuma.user = ["admin", "another"];
  const wanted = read(FILE, PLACE);
  await assert.rejects(apply(kuma.socket(), wanted, "admin", "wrong"), /authIncorrectCreds/);
  assert.throws(() => plan(wanted, { 1: { id: 1, name: "Site", description: "" } }, {}), /made by hand/);
  assert.throws(() => read(FILE, {}), /PUBLIC_URL/);
  assert.throws(() => read('{"monitors":[{"name":"a","type":"http"},{"name":"a","type":"http"}]}', {}), /two monitors/);
  assert.equal(plan([], { 1: { id: 1, name: "x", description: MARK } }, {})[0][0], "deleteMonitor");
});
