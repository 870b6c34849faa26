// The capacity page: its script computes what the program printed, and the page says it without any script.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { build } from "esbuild";
import { close, missing, visit } from "./browser.mjs";

const skip = missing;
after(close);

/** Equal but for the last digits. */
function same(found, expected, path) {
  if (typeof expected === "number") {
    assert.ok(Math.abs(found - expected) <= 1e-9 * Math.abs(expected), `${path}: ${found} in place of ${expected}`);
  } else if (expected && typeof expected === "object") {
    assert.deepEqual(Object.keys(found).sort(), Object.keys(expected).sort(), path);
    for (const key of Object.keys(expected)) same(found[key], expected[key], `${path}.${key}`);
  } else {
    assert.equal(found, expected, path);
  }
}

const cases = (page) => page.locator("#calculator").evaluate((place) => JSON.parse(place.dataset.examples).cases);
const shown = async (page) => Object.fromEntries(await page.locator("#calculator tbody tr").evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.innerText))));

test("the script's numbers are the program's", { skip }, async () => {
  const { page, leave } = await visit("/capacity/");
  const examples = await cases(page);
  await leave();
  const { outputFiles } = await build({ entryPoints: ["src/capacity.ts"], bundle: true, format: "esm", write: false });
  const { plan, erlangC } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
  assert.ok(examples.length >= 5);
  for (const { preset, products, prices, capacity } of examples) {
    same(plan({ ...preset, products, prices }), capacity, preset.name);
  }
  assert.ok(Math.abs(erlangC(3, 2) - 4 / 9) < 1e-12);
});

test("an example fills the form, a number changes the outcome, and a wrong one is named", { skip }, async () => {
  const { page, leave } = await visit("/capacity/");
  const expected = (await cases(page)).find(({ preset }) => preset.name === "thousand").capacity;
  await page.selectOption("#calculator select", "thousand");
  assert.equal((await shown(page))["Workers"], String(expected.jobs.workers));
  await page.fill("[name='demand.users']", "100000");
  assert.ok(Number((await shown(page))["Workers"]) > 50 * expected.jobs.workers);
  await page.fill("[name='prices.core_hour']", "0.01");
  await page.fill("[name='prices.gb_month']", "0.02");
  assert.ok((await shown(page))["Cost of storage, each month"]);
  await page.fill("[name='demand.peak']", "25");
  assert.match(await page.innerText("#calculator [role=status]"), /Busiest hour.*1 to 24/);
  assert.deepEqual(await shown(page), {});
  await leave();
});

test("without JavaScript the examples are a table", { skip }, async () => {
  const { page, leave } = await visit("/capacity/", { javaScriptEnabled: false });
  const rows = await page.locator(".prose table tbody tr").allInnerTexts();
  assert.equal(rows.length, 4);
  assert.match(rows[3], /Africa.*PB|Africa.*TB/s);
  await leave();
});
