// The status page and the API's guide in a real browser, against a site that `geocrop demo` made.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { close, missing, visit } from "./browser.mjs";

const skip = missing;
after(close);

const rows = (page) =>
  page.locator(".part").evaluateAll((all) =>
    all.map((row) => ({ id: row.dataset.part, state: row.querySelector(".part-state").innerText.trim(), since: row.querySelector(".since").innerText, days: row.querySelector(".days").getAttribute("aria-label"), bars: row.querySelectorAll("rect").length })),
  );
const note = (page) => page.innerText("#service-note");
const BUILT_IN = ["tiles", "store", "api", "queue", "database"];

/** Answers as the API would, with one part down and one that the page does not know. */
const history = (today) =>
  Array.from({ length: 90 }, (_, nth) => {
    const day = new Date(Date.UTC(2026, 7, 25) + nth * 86_400_000).toISOString().slice(0, 10);
    return nth === 89 ? { day, ...today } : nth < 10 ? { day, up: null, degraded: null, down: null } : { day, up: 1440, degraded: 0, down: 0 };
  });
const part = (id, name, state, today) => ({ id, name, state, since: "2026-11-22T05:10:00.000Z", detail: `${name} is ${state}.`, history: history(today) });
const some = {
  checked_at: "2026-11-22T06:00:30.000Z",
  version: "0.1.0",
  parts: [part("store", "Store", "down", { up: 100, degraded: 0, down: 20 }), part("api", "API", "up", { up: 120, degraded: 0, down: 0 }), part("mlflow", "MLflow", "degraded", { up: 119, degraded: 1, down: 0 })],
  newest_layer: { item: "layers/a/2025/b.json", title: "A newer layer", published: "2026-11-22T05:59:00.000Z", synthetic: false },
  newest_scene: { id: "a-newer-scene", datetime: "2026-11-20T07:52:00.000Z", item: "layers/a/2025/b.json", synthetic: true },
};
const answering = (body) => ({ routes: (page) => page.route("**/v1/status", (route) => route.fulfill({ contentType: "application/json", body: JSON.stringify(body) })) });
const away = { routes: (page) => page.route("**/v1/status", (route) => route.abort("connectionrefused")), faults: 1 };

test("the server's own parts work, with today in their history", { skip }, async () => {
  const { page, leave } = await visit("/status/");
  await page.waitForFunction(() => /^Checked \d{4}-/.test(document.querySelector("#service-note").textContent));
  const shown = await rows(page);
  assert.deepEqual(shown.map((row) => row.id), BUILT_IN);
  for (const row of shown) {
    // On a busy machine an answer may be slow.
    assert.match(row.state, /^(Up|Degraded)$/, row.id);
    assert.match(row.since, /^since \d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
    assert.match(row.days, /^.+, 90 days: .*(up|degraded)/);
    assert.equal(row.bars, 90);
  }
  assert.match(await page.innerText("#overall"), /^(Everything that is measured works|Degraded: )/);
  assert.match(await page.innerText("#newest-scene"), /synthetic/);
  await leave();
});

test("what the API says is shown: states, since when, days, and what is newest", { skip }, async () => {
  const { page, leave } = await visit("/status/", answering(some));
  await page.waitForSelector("[data-part=mlflow]");
  const shown = await rows(page);
  // Parts that are not configured go.
  assert.deepEqual(shown.map((row) => [row.id, row.state]), [["store", "Down"], ["api", "Up"], ["mlflow", "Degraded"]]);
  assert.equal(shown[0].days, "Store, 90 days: 79 up, 1 down, 10 unknown");
  assert.equal(shown[2].days, "MLflow, 90 days: 79 up, 1 degraded, 10 unknown");
  assert.equal(shown[0].since, "since 2026-11-22 05:10 UTC");
  assert.equal(await page.textContent("[data-part=store] rect:last-of-type title"), "2026-11-22: 120 checks, 20 down");
  assert.match(await page.innerText("#overall"), /Down: Store\s+Checked 2026-11-22 06:00 UTC/);
  assert.match(await page.innerText("#newest-layer"), /2026-11-22 05:59 UTC\s+A newer layer/);
  assert.match(await page.innerText("#newest-scene"), /a-newer-scene \(synthetic\)/);
  await leave();
});

test("an API that cannot be reached leaves everything unknown, and one quiet line", { skip }, async () => {
  // The browser itself notes the one request that failed.
  const { page, leave } = await visit("/status/", away);
  await page.waitForFunction(() => /API cannot be reached/.test(document.querySelector("#service-note").textContent));
  for (const row of await rows(page)) {
    assert.equal(row.state, "Unknown", row.id);
    assert.match(row.days, /90 days: 90 unknown/);
  }
  assert.equal(await page.getAttribute("#service-note", "role"), "status");
  assert.ok(!/down/i.test(await page.innerText("#overall")));
  await leave();
});

test("a state that was told is taken back when the API goes away", { skip }, async () => {
  let gone = false;
  const routes = async (page) => {
    await page.clock.install();
    await page.route("**/v1/status", (route) => (gone ? route.abort("connectionrefused") : route.fulfill({ contentType: "application/json", body: JSON.stringify(some) })));
  };
  const { page, leave } = await visit("/status/", { routes, faults: 1 });
  await page.waitForSelector("[data-part=mlflow]");
  gone = true;
  await page.clock.runFor(61_000);
  await page.waitForFunction(() => /API cannot be reached/.test(document.querySelector("#service-note").textContent));
  assert.deepEqual((await rows(page)).map((row) => row.state), ["Unknown", "Unknown", "Unknown"]);
  await leave();
});

test("without JavaScript the snapshot is shown and says what it knows", { skip }, async () => {
  const { page, leave } = await visit("/status/", { javaScriptEnabled: false });
  assert.deepEqual(await page.locator(".part h3").allInnerTexts(), ["Map tiles", "Store", "API", "Job queue", "Database"]);
  assert.match(await note(page), /This copy of the page holds no measurements/);
  assert.match(await page.innerText("#newest-layer"), /\d{4}-\d\d-\d\d \d\d:\d\d UTC/);
  assert.ok(await page.isVisible("text=No incident has been recorded"));
  await leave();
});

test("a phone shows all of it, and so it does the API's guide", { skip }, async () => {
  for (const path of ["/status/", "/api/"]) {
    const { page, leave } = await visit(path, { viewport: { width: 360, height: 740 }, ...(path === "/status/" ? answering(some) : {}) });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path}: nothing is wider than the screen`);
    await leave();
  }
});

for (const colorScheme of ["light", "dark"])
  test(`axe finds nothing to object to, ${colorScheme}`, { skip }, async () => {
    const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    for (const [path, how] of [["/status/", answering(some)], ["/status/", away], ["/api/", {}]]) {
      const { page, leave } = await visit(path, { ...how, colorScheme, bypassCSP: true });
      if (path === "/status/") await page.waitForFunction(() => /Checked|cannot/.test(document.querySelector("#service-note").textContent));
      await page.evaluate(() => { for (const details of document.querySelectorAll("details")) details.open = true; });
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => `${path} ${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`), []);
      await leave();
    }
  });
