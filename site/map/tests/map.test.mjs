// The map in a real browser, against a site that `geocrop demo` made:
//   GEOCROP_SITE_URL=http://127.0.0.1:8080 npm test

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { build } from "esbuild";
import { close, colour, DAM, missing, open, settle, site, VALLEY, WATER, where } from "./browser.mjs";

const skip = missing;
after(close);

const hash = (page) => page.evaluate(() => decodeURIComponent(location.hash));
const year = (page) => page.getAttribute("#year", "aria-valuetext");

test("opens with the newest baseline of all areas, coloured", { skip }, async () => {
  const { page, leave } = await open();
  const { layers } = await (await fetch(`${site}/map/layers.json`)).json();
  const baseline = layers.filter((layer) => layer.recipe === "dynamic-world");
  const newest = baseline.map((layer) => layer.period).sort().at(-1);
  assert.equal(await year(page), newest);
  assert.ok(await page.isChecked("#choose-recipe-dynamic-world"));
  // From this far several pixels share one on the screen, so that colours are mixed; but they are not the empty land's.
  const land = await colour(page, await where(page, { lng: 30.5, lat: -17.25 }));
  for (const { period, bbox, area } of baseline) {
    if (period !== newest) continue;
    const middle = { lng: (bbox[0] + bbox[2]) / 2, lat: (bbox[1] + bbox[3]) / 2 };
    assert.notEqual(await colour(page, await where(page, middle)), land, `${area} is coloured`);
  }
  await leave();
});

test("a known place has the colour of its class", { skip }, async () => {
  const { page, leave } = await open(`#layer=${VALLEY}`);
  assert.equal(await colour(page, await where(page, DAM)), WATER);
  await leave();
});

test("the slider changes the year by keys, and the years play to the end", { skip }, async () => {
  const { page, leave } = await open(`#layer=${VALLEY}`);
  await page.focus("#year");
  await page.keyboard.press("ArrowLeft");
  assert.equal(await year(page), "2023");
  assert.match(await hash(page), /layer=dynamic-world\/2023/);
  await settle(page);
  assert.equal(await colour(page, await where(page, DAM)), WATER);
  await page.focus("#play");
  await page.keyboard.press("Enter");
  assert.match(await page.getAttribute("#play", "aria-label"), /Stop/);
  await page.waitForFunction(() => document.querySelector("#year").value === document.querySelector("#year").max);
  await page.waitForFunction(() => /^Play/.test(document.querySelector("#play").getAttribute("aria-label")));
  assert.equal(await year(page), "2025");
  await page.goBack();
  await settle(page);
  assert.equal(await year(page), "2024", "the back button returns to the year before the slider was moved");
  await leave();
});

test("the legend hides a class and shows it again", { skip }, async () => {
  const { page, leave } = await open(`#layer=${VALLEY}`);
  const dam = await where(page, DAM);
  await page.uncheck("#class-0");
  await page.waitForTimeout(400);
  await settle(page);
  assert.notEqual(await colour(page, dam), WATER);
  assert.match(await hash(page), /hide=0/);
  await page.check("#class-0");
  await page.waitForTimeout(400);
  await settle(page);
  assert.equal(await colour(page, dam), WATER);
  await leave();
});

test("a click explains the place by year, from files alone", { skip }, async () => {
  const { page, leave } = await open(`#layer=${VALLEY}`, { api: "down", faults: 1 });
  const dam = await where(page, DAM);
  await page.mouse.click(dam.x, dam.y);
  await page.waitForSelector("#place .chart");
  const group = page.locator("#place .place-group").first();
  assert.match(await group.innerText(), /Land cover.*2024[\s\S]*Water[\s\S]*confidence \d+ %, \d+ clear observations/i);
  assert.equal(await group.locator(".chart-bar").count(), 11);
  await group.locator("summary").click();
  const rows = await group.locator("tbody tr").allInnerTexts();
  assert.equal(rows.length, 11);
  for (const row of rows) assert.match(row, /20\d\d\s+Water\s+\d+ %\s+\d+/);
  assert.match(await page.innerText("#place"), /NDVI -?\d\.\d\d/);
  await page.focus("#year");
  await page.keyboard.press("ArrowLeft");
  assert.match(await group.innerText(), /Land cover.*2023/, "another year of the same place needs no reading");
  await page.click(".place-close");
  assert.ok(await page.isHidden("#place"));
  await leave();
});

test("a place that is unlike all samples of the model is told so, and others are not", { skip }, async () => {
  // The page's own reader of single pixels, to find a place of each kind in what was published.
  const bundle = await build({ entryPoints: ["src/cog.ts"], bundle: true, format: "esm", write: false });
  const { valueAt } = await import(`data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].contents).toString("base64")}`);
  const { layers } = await (await fetch(`${site}/map/layers.json`)).json();
  const layer = layers.find((layer) => layer.rasters?.applicability && layer.synthetic);
  const [west, south, east, north] = layer.bbox;
  const found = {};
  const steps = 300;
  for (let i = 0; i < steps * steps && !(found.unlike && found.like); i++) {
    const lng = west + ((east - west) * ((i % steps) + 0.5)) / steps;
    const lat = south + ((north - south) * (Math.floor(i / steps) + 0.5)) / steps;
    const value = await valueAt(`${site}/store/${layer.rasters.applicability}`, lng, lat);
    if (value !== null) found[value > 100 ? "unlike" : "like"] ??= { lng, lat };
  }
  assert.ok(found.like && found.unlike, "the model's limit runs through the drawn land");
  for (const [kind, said] of [["unlike", true], ["like", false]]) {
    const { lng, lat } = found[kind];
    const { page, leave } = await open(`#layer=${layer.recipe}/${layer.period}&at=17/${lat.toFixed(6)}/${lng.toFixed(6)}`);
    await page.focus(".maplibregl-canvas");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#place .place-class");
    const words = await page.locator("#place .place-group").first().innerText();
    assert.equal(/unlike anything that the model learnt from/.test(words), said, words);
    await leave();
  }
});

test("Enter on the map explains the middle of it", { skip }, async () => {
  const { page, leave } = await open(`#layer=dynamic-world/2024&at=14/${DAM.lat}/${DAM.lng}`);
  await page.focus(".maplibregl-canvas");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#place .place-class");
  assert.match(await page.innerText("#place .place-class >> nth=0"), /Water/);
  await leave();
});

test("the divider compares two layers by keys and by dragging", { skip }, async () => {
  const { page, leave } = await open(`#layer=${VALLEY}`);
  await page.selectOption("#compare", "ndvi/2024");
  await page.waitForSelector("#swipe");
  const dam = await where(page, DAM);
  const divider = page.locator("#swipe");
  await divider.press("End");
  assert.equal(await divider.getAttribute("aria-valuenow"), "100");
  assert.equal(await colour(page, dam), WATER);
  await divider.press("Home");
  await page.waitForTimeout(1500);
  assert.equal(await colour(page, dam), "#a8b8c4", "the greenness of water");
  await divider.press("PageUp");
  await divider.press("ArrowRight");
  assert.equal(await divider.getAttribute("aria-valuenow"), "12");
  const box = await divider.boundingBox();
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  await page.mouse.move(middle.x, middle.y);
  await page.mouse.down();
  await page.mouse.move(middle.x + 300, middle.y, { steps: 4 });
  await page.mouse.up();
  assert.ok(Number(await divider.getAttribute("aria-valuenow")) > 40);
  assert.match(await hash(page), /with=ndvi\/2024&split=\d+/);
  await page.selectOption("#compare", "");
  assert.equal(await divider.count(), 0);
  await leave();
});

test("a shared link restores everything, and the back button goes back", { skip }, async () => {
  const link = `#layer=dynamic-world/2019&at=13.50/-17.44500/30.95000&with=true-colour/2024&split=35&opacity=0.8&hide=1,4&place=${DAM.lat}/${DAM.lng}`;
  const { page, leave } = await open(link);
  await page.waitForSelector("#place .chart");
  assert.equal(await year(page), "2019");
  assert.equal(await page.inputValue("#opacity"), "0.8");
  assert.equal(await page.isChecked("#class-1"), false);
  assert.equal(await page.isChecked("#class-0"), true);
  assert.equal(await page.inputValue("#compare"), "true-colour/2024");
  assert.equal(await page.getAttribute("#swipe", "aria-valuenow"), "35");
  const view = await page.evaluate(() => [window.geocropMap.getZoom(), window.geocropMap.getCenter().lat, window.geocropMap.getCenter().lng]);
  for (const [i, wanted] of [13.5, -17.445, 30.95].entries()) assert.ok(Math.abs(view[i] - wanted) < 1e-3);
  assert.match(await hash(page), /^#layer=dynamic-world\/2019&at=13\.50\/-17\.44500\/30\.95000&with=true-colour\/2024&split=35&opacity=0\.8&hide=1,4&place=/);
  await page.selectOption("#compare", "");
  await page.goBack();
  await page.waitForSelector("#swipe");
  assert.equal(await page.inputValue("#compare"), "true-colour/2024");
  await leave();
});

test("hectares in view agree with the published ones", { skip }, async () => {
  const { page, leave } = await open(`#layer=${VALLEY}`);
  await page.waitForSelector(".legend-area");
  await page.click("#legend-table");
  const rows = await page.locator(".panel-legend tbody tr").evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)));
  const number = (text) => Number(text.replaceAll(",", ""));
  assert.equal(rows.length, 9);
  const wide = await page.$eval("#panel", (panel) => panel.scrollWidth - panel.clientWidth);
  assert.equal(wide, 0, "the table does not widen the panel");
  for (const [name, counted, published] of rows) {
    const difference = Math.abs(number(counted) - number(published));
    assert.ok(difference <= Math.max(1, 0.02 * number(published)), `${name}: ${counted} counted, ${published} published`);
  }
  await leave();
});

test("the search finds an area by keys", { skip }, async () => {
  const { page, leave } = await open();
  await page.focus("#find");
  await page.keyboard.type("mazo");
  await page.keyboard.press("ArrowDown");
  const active = await page.getAttribute("#find", "aria-activedescendant");
  assert.match(await page.innerText(`#${active}`), /Mazowe/);
  await page.keyboard.press("Enter");
  await page.waitForTimeout(300);
  await settle(page);
  assert.equal(await page.getAttribute("#find", "aria-expanded"), "false");
  const { lng, lat } = await page.evaluate(() => window.geocropMap.getCenter());
  assert.ok(Math.abs(lng - 30.95) < 0.02 && Math.abs(lat + 17.45) < 0.02);
  await leave();
});

test("without an API the map works and says so in one line", { skip }, async () => {
  // The browser itself notes the one request that failed.
  const { page, leave } = await open(`#layer=${VALLEY}`, { api: "down", faults: 1 });
  await page.waitForFunction(() => /API cannot be reached/.test(document.querySelector("#status").textContent));
  assert.equal(await page.getAttribute("#status", "role"), "status");
  assert.equal(await colour(page, await where(page, DAM)), WATER);
  await leave();
});

test("an uploaded area is measured in both units before it is sent", { skip }, async () => {
  const { page, leave } = await open(`#layer=${VALLEY}`);
  await page.click("#ask-title");
  await page.click(".ask-area summary");
  const ring = [[30.94, -17.46], [30.955, -17.46], [30.955, -17.445], [30.94, -17.445], [30.94, -17.46]];
  await page.setInputFiles("#ask-file", { name: "field.geojson", mimeType: "application/geo+json", buffer: Buffer.from(JSON.stringify({ type: "Polygon", coordinates: [ring] })) });
  await page.waitForFunction(() => document.querySelector(".ask-size").textContent);
  assert.equal(await page.textContent(".ask-size"), "2.7 km² (265 ha)");
  await leave();
});

test("a phone shows the map, and a tap explains", { skip }, async () => {
  const { page, leave } = await open(`#layer=${VALLEY}`, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const dam = await where(page, DAM);
  assert.equal(await colour(page, dam), WATER);
  await page.touchscreen.tap(dam.x, dam.y);
  await page.waitForSelector("#place .chart");
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than the screen");
  const [app, place, panel] = await page.evaluate(() => ["#app", "#place", "#panel"].map((part) => document.querySelector(part).getBoundingClientRect()).map(({ top, bottom }) => ({ top, bottom })));
  assert.equal(Math.round(app.bottom), 844, "the page itself does not scroll");
  assert.ok(place.top >= panel.top && place.top < panel.bottom - 100, "what is known comes into view");
  await leave();
});

for (const colorScheme of ["light", "dark"])
  test(`axe finds nothing to object to, ${colorScheme}`, { skip }, async () => {
    const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    for (const viewport of [{ width: 1280, height: 860 }, { width: 390, height: 844 }]) {
      const { page, leave } = await open(`#layer=${VALLEY}&with=ndvi/2024&place=${DAM.lat}/${DAM.lng}`, { colorScheme, viewport, bypassCSP: true });
      await page.waitForSelector("#place .chart");
      await page.evaluate(() => { for (const details of document.querySelectorAll("#panel details")) details.open = true; });
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`), []);
      await leave();
    }
  });
