// What is seen of the map page before the map is there, and that nothing it does to be quick is needed for the map.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { close, colour, DAM, missing, profile, settle, site, VALLEY, watch, WATER, where } from "./browser.mjs";

const skip = missing;
after(close);

/** A page of its own, and what it said in the console. */
async function fresh(prepare) {
  const context = await profile();
  const page = await context.newPage();
  const seen = watch(page);
  await prepare(page);
  await page.goto(`${site}/map/#layer=${VALLEY}`);
  return { context, page, seen };
}

async function coloured(page) {
  await page.waitForSelector("#find");
  await settle(page);
  return colour(page, await where(page, DAM));
}

test("a picture holds the map's place until the map is there", { skip }, async () => {
  let release;
  const held = new Promise((done) => { release = done; });
  const { context, page, seen } = await fresh((page) => page.route("**/map/map.*.js", async (route) => { await held; await route.continue(); }));
  const picture = page.locator("#wait img");
  await picture.evaluate((image) => image.decode());
  const [box, map] = [await picture.boundingBox(), await page.locator("#map").boundingBox()];
  assert.ok(box.x >= map.x && box.y >= map.y && box.x + box.width <= map.x + map.width && box.y + box.height <= map.y + map.height, "it lies where the map will be");
  assert.match(await page.innerText("#wait"), /The map is starting/);
  release();
  assert.equal(await coloured(page), WATER);
  assert.equal(await page.locator("#wait").count(), 0);
  assert.deepEqual(seen, []);
  await context.close();
});

test("the map's script is read after the page was painted", { skip }, async () => {
  const { context, page } = await fresh((page) =>
    page.addInitScript(() => {
      // Only the map's script looks for the map's place.
      const find = document.getElementById;
      document.getElementById = function (id) {
        if (id === "map") window.ran ??= performance.now();
        return find.call(this, id);
      };
    }),
  );
  await coloured(page);
  const { ran, painted } = await page.evaluate(() => ({ ran: window.ran, painted: performance.getEntriesByName("first-contentful-paint")[0].startTime }));
  assert.ok(painted > 0 && ran > painted, `painted at ${painted}, the script ran at ${ran}`);
  await context.close();
});

test("without the worker that opens the graphics the map starts all the same", { skip }, async () => {
  const { context, page, seen } = await fresh((page) =>
    page.addInitScript(() => {
      const Real = Worker;
      window.Worker = class extends Real {
        constructor(address) {
          const missed = /start\./.test(address);
          super(missed ? "/none.js" : address);
          window.missed ||= missed;
        }
      };
    }),
  );
  assert.equal(await coloured(page), WATER);
  assert.ok(await page.evaluate(() => window.missed), "the worker was asked for");
  for (const words of seen) assert.match(words, /404/, "the worker is missed, and nothing else");
  await context.close();
});

test("a browser that does not tell when it paints shows the map as well", { skip }, async () => {
  const { context, page, seen } = await fresh((page) => page.addInitScript(() => Object.defineProperty(PerformanceObserver, "supportedEntryTypes", { get: () => [] })));
  assert.equal(await coloured(page), WATER);
  assert.deepEqual(seen, []);
  await context.close();
});
