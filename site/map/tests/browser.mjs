// What the tests of the map share: a browser, pages that watch for faults, and colours as a reader sees them.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

/** Address of a served site that `geocrop demo` made. */
export const site = process.env.GEOCROP_SITE_URL?.replace(/\/$/, "");
const executable = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => path && existsSync(path));

/** Why the tests cannot run here, for node's `skip`; `false` where they can. */
export const missing = !site
  ? "GEOCROP_SITE_URL names no site: start one with ./dev demo"
  : !executable && "Chromium is missing: apt-get install chromium, or name it in CHROMIUM";

/** The demo's synthetic valley has a dam; its middle is water in every year. */
export const DAM = { lng: 30.9448, lat: -17.4416 };
export const WATER = "#419bdf";
export const VALLEY = "dynamic-world/2024/mazowe-synthetic";

let browser;

export async function close() {
  await browser?.close();
}

/** A fresh profile in the one browser that all tests of a file share. */
export async function profile(options = {}) {
  browser ??= await chromium.launch({
    executablePath: executable,
    // WebGL in software: there is no graphics card where tests run.
    args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
  });
  return browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
}

/** Opens a page that is not the map. `routes` answers some of its requests; `leave` fails on more than `faults` complaints. */
export async function visit(path, { routes = async () => {}, faults = 0, ...options } = {}) {
  const context = await profile(options);
  const page = await context.newPage();
  const seen = watch(page);
  await routes(page);
  await page.goto(`${site}${path}`);
  const leave = async () => {
    await context.close();
    assert.ok(seen.length <= faults, `the console stays quiet, but said: ${seen.join("\n")}`);
  };
  return { page, leave };
}

/** What goes wrong on a page from now on: errors and warnings of the console, and requests to other hosts. */
export function watch(page) {
  const seen = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && seen.push(message.text()));
  page.on("pageerror", (error) => seen.push(error.message));
  page.on("request", (request) => {
    const address = request.url();
    if (!address.startsWith(`${site}/`) && !/^(blob|data):/.test(address)) seen.push(`a request to another host: ${address}`);
  });
  return seen;
}

/** Opens the map in a profile of its own; `leave` closes it and fails on anything that went wrong meanwhile. */
export async function open(hash = "", { api = "off", faults = 0, ...options } = {}) {
  const context = await profile(options);
  const page = await context.newPage();
  const seen = watch(page);
  // The tests are about the map: the API is one that answers nothing but what a page needs to start, or is away.
  const json = (route, body) => route.fulfill({ contentType: "application/json", body: JSON.stringify(body) });
  if (api === "off")
    await page.route("**/v1/**", (route) => json(route, { recipes: [{ name: "r", title: "A map", periods: ["2024"], max_area_km2: 100 }] }));
  else if (api === "down") await page.route("**/v1/**", (route) => route.abort("connectionrefused"));
  await page.goto(`${site}/map/${hash}`);
  await page.waitForSelector("#find");
  await settle(page);
  const leave = async () => {
    await context.close();
    assert.ok(seen.length <= faults, `the console stays quiet, but said: ${seen.join("\n")}`);
  };
  return { page, leave };
}

/** Waits until the map is drawn and nothing moves. */
export async function settle(page) {
  await page.evaluate(
    () =>
      new Promise((done) => {
        const map = window.geocropMap;
        const quiet = () => map.loaded() && map.areTilesLoaded() && !map.isMoving();
        let calm = 0;
        const look = () => {
          calm = quiet() ? calm + 1 : 0;
          if (calm > 4) done();
          else setTimeout(look, 60);
        };
        look();
      }),
  );
}

/** Where a place is on the page, in pixels. */
export function where(page, { lng, lat }) {
  return page.evaluate(
    ([x, y]) => {
      const map = window.geocropMap;
      const box = map.getContainer().getBoundingClientRect();
      const point = map.project([x, y]);
      return { x: box.left + point.x, y: box.top + point.y };
    },
    [lng, lat],
  );
}

/** The colour on the screen at a point of the page, as #rrggbb. */
export async function colour(page, { x, y }) {
  const picture = await page.screenshot({ clip: { x: Math.round(x), y: Math.round(y), width: 1, height: 1 } });
  return page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes]), { colorSpaceConversion: "none" });
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
    return `#${[r, g, b].map((n) => n.toString(16).padStart(2, "0")).join("")}`;
  }, picture.toString("base64"));
}
