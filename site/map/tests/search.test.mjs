// The search page, and the map inside the home page: nothing is fetched before somebody wants it.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { close, missing, visit } from "./browser.mjs";

after(close);

test("the index is fetched when somebody types, and leads to the passage", { skip: missing }, async () => {
  const { page, leave } = await visit("/search/");
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await page.waitForTimeout(200);
  assert.ok(!asked.includes("/search/index.json"), "nothing is fetched before");
  await page.getByRole("searchbox").fill("geometric med");
  await page.waitForSelector(".results li");
  assert.ok(asked.includes("/search/index.json"));
  const marked = await page.locator(".results mark").allTextContents();
  assert.ok(marked.some((word) => word.toLowerCase() === "geometric") && marked.includes("med"), marked.join());
  assert.match(await page.locator(".search-said").textContent(), /passage/);
  assert.ok(page.url().endsWith("?q=geometric+med"), page.url());
  const first = page.locator(".results h2 a").first();
  const target = await first.getAttribute("href");
  await first.click();
  await page.waitForURL(`**${target}`);
  assert.match((await page.textContent("main")).toLowerCase(), /geometric/);
  await leave();
});

test("an address with words shows what they find, and words that nobody wrote are told", { skip: missing }, async () => {
  const { page, leave } = await visit("/search/?q=argo");
  await page.waitForSelector(".results li");
  assert.ok(!(await page.locator(".all-pages").isVisible()));
  await page.getByRole("searchbox").fill("zzyzx");
  await page.waitForFunction(() => document.querySelector(".search-said").textContent.startsWith("Nothing"));
  await page.getByRole("searchbox").fill("");
  await page.waitForFunction(() => !document.body.classList.contains("searching"));
  assert.ok(await page.locator(".all-pages").isVisible());
  await leave();
});

test("an index that cannot be had is told, and the pages stay listed", { skip: missing }, async () => {
  const routes = (page) => page.route("**/search/index.json", (route) => route.fulfill({ status: 503 }));
  // The browser itself complains about the answer, once a try.
  const { page, leave } = await visit("/search/", { routes, faults: 1 });
  await page.getByRole("searchbox").fill("m");
  await page.waitForFunction(() => document.querySelector(".search-said").textContent.includes("503"));
  await leave();
});

test("the home page's picture becomes the map when it is opened", { skip: missing }, async () => {
  const { page, leave } = await visit("/");
  await page.waitForTimeout(300);
  const loaded = () => page.frames().some((frame) => frame.url().includes("/map/"));
  assert.ok(!loaded(), "the map is not loaded before");
  await page.locator(".live-map > summary").click();
  const frame = page.frameLocator(".live-map iframe");
  await frame.locator(".maplibregl-canvas").waitFor({ timeout: 60_000 });
  assert.ok(!(await frame.locator("header.top").isVisible()), "the page has its own head");
  await page.locator(".live-map > summary").click();
  assert.ok(await page.locator(".live-map > summary img").isVisible());
  await leave();
});
