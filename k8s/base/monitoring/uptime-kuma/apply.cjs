// Brings Uptime Kuma's monitors to what a file says: node apply.cjs monitors.json
//
// Uptime Kuma has no API of HTTP for this; its own pages speak socket.io, and so does this, with the client that is in
// its image. Monitors are told apart by name. What people make in the browser is left alone: only monitors whose
// description is the mark below are changed or taken away.
//
// UPTIME_KUMA_URL, UPTIME_KUMA_USER, UPTIME_KUMA_PASSWORD; ${NAME} in the file is the environment's NAME.
"use strict";

const MARK = "Kept by monitors.json";

// What its form sends beside what was filled in.
const DEFAULTS = {
  active: true,
  method: "GET",
  maxretries: 2,
  retryInterval: 30,
  resendInterval: 0,
  timeout: 20,
  maxredirects: 5,
  ignoreTls: false,
  upsideDown: false,
  expiryNotification: false,
  accepted_statuscodes: ["200-299"],
  conditions: [],
  kafkaProducerBrokers: [],
  kafkaProducerSaslOptions: { mechanism: "None" },
  rabbitmqNodes: [],
};

/** The monitors of a file's text. */
function read(text, environment) {
  const filled = text.replace(/\$\{(\w+)\}/g, (_, name) => {
    if (!environment[name]) throw new Error(`monitors.json needs ${name}, and the environment has none`);
    return environment[name];
  });
  const { interval, monitors } = JSON.parse(filled);
  const names = new Set();
  return monitors.map((monitor) => {
    if (!monitor.name || !monitor.type) throw new Error(`a monitor without name or type: ${JSON.stringify(monitor)}`);
    if (names.has(monitor.name)) throw new Error(`two monitors are called '${monitor.name}'`);
    names.add(monitor.name);
    return { interval, ...monitor, description: MARK };
  });
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** What is to do: [event, argument] for each change. `existing` is Uptime Kuma's list, by id. */
function plan(wanted, existing, notifications) {
  const there = Object.values(existing);
  const steps = [];
  for (const monitor of wanted) {
    const old = there.find((each) => each.name === monitor.name);
    if (!old) {
      steps.push(["add", { ...DEFAULTS, notificationIDList: notifications, ...monitor }]);
    } else if (old.description !== MARK) {
      throw new Error(`a monitor '${monitor.name}' was made by hand; rename or delete it there`);
    } else if (Object.keys(monitor).some((key) => !same(old[key], monitor[key]))) {
      steps.push(["editMonitor", { ...old, ...monitor }]);
    }
  }
  for (const old of there) {
    if (old.description === MARK && !wanted.some((monitor) => monitor.name === old.name)) {
      steps.push(["deleteMonitor", old.id]);
    }
  }
  return steps;
}

/** Sends an event and waits for its answer. */
function ask(socket, event, ...values) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${event}: no answer for 20 seconds`)), 20_000);
    socket.emit(event, ...values, (answer) => {
      clearTimeout(late);
      if (answer && answer.ok === false) reject(new Error(`${event}: ${answer.msg}`));
      else resolve(answer);
    });
  });
}

function heard(socket, event) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${event} did not come for 20 seconds`)), 20_000).unref();
    socket.once(event, (value) => {
      clearTimeout(late);
      resolve(value);
    });
  });
}

/** Does it all on a connected socket; says what was done. */
async function apply(socket, wanted, user, password) {
  // The first start asks for an administrator.
  if (await ask(socket, "needSetup")) await ask(socket, "setup", user, password);
  const lists = Promise.all([heard(socket, "monitorList"), heard(socket, "notificationList")]);
  // A refused login is the error to tell, not the lists that then do not come.
  lists.catch(() => {});
  await ask(socket, "login", { username: user, password, token: "" });
  const [existing, notifications] = await lists;
  const defaults = {};
  for (const each of notifications) if (each.isDefault) defaults[each.id] = true;
  const steps = plan(wanted, existing, defaults);
  for (const [event, value] of steps) {
    await ask(socket, event, value);
    console.log(`${event} ${value.name ?? existing[value].name}`);
  }
  console.log(`${wanted.length} monitors, ${steps.length} changed`);
}

async function main() {
  const { UPTIME_KUMA_URL: url, UPTIME_KUMA_USER: user, UPTIME_KUMA_PASSWORD: password } = process.env;
  const wanted = read(require("node:fs").readFileSync(process.argv[2], "utf8"), process.env);
  // Beside the program that the image runs, not beside this file.
  const { io } = require(require.resolve("socket.io-client", { paths: [process.cwd()] }));
  const socket = io(url, { transports: ["websocket"], reconnection: false });
  try {
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", reject);
    });
    await apply(socket, wanted, user, password);
  } finally {
    socket.close();
  }
}

module.exports = { read, plan, apply, MARK };
if (require.main === module) {
  main().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
