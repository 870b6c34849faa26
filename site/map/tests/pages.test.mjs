// Every page of the site that `geocrop demo` made, light and dark, on a phone, a tablet and a desk. Which pages there
// are is read from the site itself, so that a new one is tested because it is linked.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, test } from "node:test";
import { close, missing, profile, settle, site, watch } from "./browser.mjs";

const skip = missing;
after(close);

const WIDTHS = [390, 820, 1440];
/** Where axe looks: the narrowest and the widest show every arrangement that differs in what is there. */
const LOOKED_AT = [390, 1440];
const SCHEMES = ["light", "dark"];
/** Bytes of a page of text at first view, as they are sent, without pictures. */
const MOST_BYTES = 60 * 1024;
const HEIGHT = 900;

/** The addresses of all pages that lead from one to the other, and of the one for what is lost. */
async function crawl() {
  const found = ["/", "/404.html"];
  for (const address of found) {
    const html = await (await fetch(site + address)).text();
    for (const [, quoted] of html.matchAll(/<a\b[^>]*?\bhref="([^"]*)"/g)) {
      const { origin, pathname } = new URL(quoted.replaceAll("&amp;", "&"), site + address);
      // Pages have addresses that end in a slash; the store's folders are files to look at, and none of the site's pages.
      if (origin === new URL(site).origin && pathname.endsWith("/") && !/^\/(store|v1)\//.test(pathname) && !found.includes(pathname)) found.push(pathname);
    }
  }
  return found;
}

const pages = skip ? [] : await crawl();
const area = pages.find((address) => /^\/areas\/./.test(address));

/** Opens an address and waits until nothing more is to come. */
async function visit(page, address) {
  const answer = await page.goto(site + address, { waitUntil: "load" });
  assert.equal(answer.status(), 200, address);
  if (address === "/map/") {
    await page.waitForSelector("#find");
    await settle(page);
  }
}

/** What a page says of itself once it was read to its end. */
async function facts(page) {
  return page.evaluate(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    // Pictures further down are fetched when they come near.
    for (let y = 0; y < document.scrollingElement.scrollHeight; y += innerHeight) {
      window.scrollTo({ top: y, behavior: "instant" });
      await frame();
    }
    const shown = [...document.images].filter((image) => image.checkVisibility());
    await Promise.all(shown.map((image) => image.decode().catch(() => undefined)));
    await frame();
    const markup = (node) => node.outerHTML.slice(0, 160);
    return {
      headings: document.querySelectorAll("h1").length,
      wide: document.scrollingElement.scrollWidth - innerWidth,
      shift: window.shifts.reduce((sum, { value }) => sum + value, 0),
      shifted: window.shifts.flatMap(({ what }) => what),
      unsized: [...document.images].filter((image) => !(image.getAttribute("width") > 0 && image.getAttribute("height") > 0)).map(markup),
      unnamed: [...document.images].filter((image) => !image.hasAttribute("alt")).map(markup),
      broken: shown.filter((image) => image.naturalWidth === 0).map(markup),
    };
  });
}

/** Runs before a page's own: keeps what moves without the reader's doing. */
function keepShifts() {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries())
      if (!hadRecentInput) window.shifts.push({ value, what: sources.map(({ node }) => node?.outerHTML?.slice(0, 120) ?? node?.nodeName ?? "?") });
  }).observe({ type: "layout-shift", buffered: true });
}

test("the pages are found by following links", { skip }, () => {
  for (const address of ["/", "/404.html", "/areas/", "/map/", "/architecture/", "/trade-offs/"]) assert.ok(pages.includes(address), `${address} is linked from somewhere`);
  assert.ok(area, "an area has a page");
});

for (const colorScheme of SCHEMES)
  test(`every page is whole, quiet and still, and axe finds nothing to object to, ${colorScheme}`, { skip }, async (t) => {
    const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    const context = await profile({ colorScheme });
    await context.addInitScript(keepShifts);
    for (const address of pages)
      await t.test(address, async () => {
        for (const width of WIDTHS) {
          const what = `${address}, ${colorScheme}, ${width} wide`;
          const page = await context.newPage();
          await page.setViewportSize({ width, height: HEIGHT });
          const seen = watch(page);
          await visit(page, address);
          let found = await facts(page);
          if (found.shift > 0) {
            // On a busy machine a page may be painted when half of it was read. What moves every time is a fault.
            await visit(page, address);
            found = await facts(page);
          }
          const { headings, wide, shift, shifted, unsized, unnamed, broken } = found;
          assert.deepEqual(seen, [], `${what}: the console stays quiet, and no other host is asked`);
          assert.equal(headings, 1, `${what}: one heading of the first rank`);
          assert.ok(wide <= 0, `${what}: nothing is wider than the window, but something is by ${wide} pixels`);
          assert.equal(shift, 0, `${what}: nothing moves by itself, but did: ${shifted.join(" | ")}`);
          assert.deepEqual([unsized, unnamed, broken], [[], [], []], `${what}: pictures have sizes and a text, and are there`);
          if (LOOKED_AT.includes(width)) {
            // On the widest also what is folded away; an area's earlier years would take a minute on every width.
            if (width === WIDTHS.at(-1)) await page.evaluate(() => { for (const details of document.querySelectorAll("details")) details.open = true; });
            await page.evaluate(axe);
            const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
            assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 4).map((node) => node.html.slice(0, 140)).join(" | ")}`), [], what);
          }
          await page.close();
        }
      });
    await context.close();
  });

test(`pages of text weigh at most ${MOST_BYTES} bytes without their pictures`, { skip }, async () => {
  const weigh = async (address) => {
    // A profile of its own, so that nothing is there from another page.
    const context = await profile({ viewport: { width: 1440, height: HEIGHT } });
    const page = await context.newPage();
    const asked = [];
    page.on("requestfinished", (request) => asked.push(request));
    await visit(page, address);
    await page.waitForLoadState("networkidle");
    let sum = 0;
    for (const request of asked) if (request.resourceType() !== "image") sum += (await request.sizes()).responseBodySize;
    assert.ok(asked.length >= 2, `${address} fetched a page and a style`);
    assert.ok(sum <= MOST_BYTES, `${address} fetched ${sum} bytes: ${asked.map((request) => request.url()).join(" ")}`);
    await context.close();
  };
  const queue = pages.filter((address) => address !== "/map/");
  // Mostly it is waited for silence, and several pages can be waited for at once.
  const work = async () => {
    for (let address = queue.shift(); address; address = queue.shift()) await weigh(address);
  };
  await Promise.all([work(), work(), work()]);
});

test("without JavaScript the pages show what they have, and the map says what it needs", { skip }, async () => {
  const context = await profile({ javaScriptEnabled: false });
  const page = await context.newPage();
  const text = async (address) => {
    await page.goto(site + address);
    return page.innerText("main");
  };
  assert.match(await text("/"), /Mapped areas[\s\S]*Mazowe/);
  assert.ok(await page.isVisible("main img"));
  assert.match(await text("/areas/"), /Mazowe/);
  assert.match(await text(area), /Area in numbers[\s\S]*Hectares[\s\S]*Download/);
  assert.ok((await text("/trade-offs/")).length > 2000);
  assert.match(await text("/map/"), /needs JavaScript/);
  await page.click("main a[href='/areas/']");
  assert.equal(new URL(page.url()).pathname, "/areas/");
  await context.close();
});

test("the head of the map's page is that of all pages", { skip }, async () => {
  const context = await profile();
  const page = await context.newPage();
  const parts = async (address) => {
    await visit(page, address);
    return page.evaluate(() => [...document.querySelectorAll(".top, .top nav li, .brand")].map((part) => [part.offsetTop, part.offsetHeight]));
  };
  assert.deepEqual(await parts("/map/"), await parts("/areas/"));
  await context.close();
});

test("the first key leads past the navigation", { skip }, async () => {
  const context = await profile();
  const page = await context.newPage();
  for (const address of ["/", "/trade-offs/", "/map/"]) {
    await visit(page, address);
    await page.keyboard.press("Tab");
    const link = page.locator(".skip");
    assert.ok(await link.evaluate((node) => node === document.activeElement), `${address}: the link has the focus`);
    const box = await link.boundingBox();
    assert.ok(box.y >= 0 && box.x >= 0, `${address}: the link is in view when it has the focus`);
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    const inside = await page.evaluate(() => document.querySelector("main").contains(document.activeElement));
    assert.ok(inside, `${address}: the next key is inside the content`);
  }
  await context.close();
});
