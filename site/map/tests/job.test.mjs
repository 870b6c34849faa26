// A map of one's own, from a drawn outline to coloured pixels, through the API of the demo that serves the site:
//   GEOCROP_SITE_URL=http://127.0.0.1:8080 GEOCROP_DEMO_DIR=~/.cache/geocrop/demo npm test

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { close, colour, DAM, missing, open, profile, settle, site, VALLEY, watch, WATER, where } from "./browser.mjs";

const folder = process.env.GEOCROP_DEMO_DIR;
const skip = missing || (!folder && "GEOCROP_DEMO_DIR names no demo, whose login is needed");
after(close);

// South of the mapped valley, but inside its scenes: what is coloured here can only be the job's.
const CORNERS = [[30.94, -17.4735], [30.9465, -17.4735], [30.9465, -17.479], [30.94, -17.479]].map(([lng, lat]) => ({ lng, lat }));
const INSIDE = [30.942, 30.9432, 30.9445].flatMap((lng) => [-17.475, -17.4765, -17.4775].map((lat) => ({ lng, lat })));
/** Outside the mapped valley and the drawn outline. */
const OUTSIDE = { lng: 30.9393, lat: -17.4765 };
const START = `#layer=${VALLEY}&at=14/-17.4745/30.945`;

/** The colours of the places that are to be mapped, without the tint of an outline that was just drawn. */
const colours = async (page) => {
  await settle(page);
  const seen = [];
  for (const place of INSIDE) seen.push(await colour(page, await where(page, place)));
  return seen;
};

test("a drawn area becomes a map of its own, which is there after a reload", { skip, timeout: 300_000 }, async () => {
  const { name, password } = JSON.parse(await readFile(join(folder, "state", "login.json"), "utf8"));
  const { layers } = await (await fetch(`${site}/map/layers.json`)).json();
  const legend = layers.find(({ id }) => id === VALLEY).legend.map((entry) => entry.color);
  const { page, leave } = await open(START, { api: "real", faults: 1 });
  const land = await colour(page, await where(page, OUTSIDE));
  for (const seen of await colours(page)) assert.equal(seen, land, "nothing is mapped here yet");

  await page.click("#ask-title");
  await page.getByRole("button", { name: "Draw on the map" }).click();
  for (const corner of CORNERS) {
    const { x, y } = await where(page, corner);
    await page.mouse.click(x, y);
  }
  await page.keyboard.press("Enter");
  assert.match(await page.innerText(".ask-size"), /^0\.4 km² \(4\d\.\d ha\)$/);
  assert.ok(await page.isHidden("#place"), "the clicks of a drawing explain nothing");

  await page.fill("#ask-user", name);
  await page.fill("#ask-password", `${password}x`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForSelector(".ask-status [role=alert]");
  assert.ok(await page.isVisible("#ask-password"), "a wrong password may be corrected");
  await page.fill("#ask-password", password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForSelector("#ask-quota");
  assert.match(await page.innerText("#ask-quota"), new RegExp(`Signed in as ${name}`));
  assert.match(await page.innerText(".ask-size"), /^0\.4 km²/, "the drawn area is still there");

  await page.selectOption("#ask-recipe", "dynamic-world");
  await page.selectOption("#ask-period", "2024");
  await page.getByRole("button", { name: "Make this map" }).click();
  await page.waitForSelector("progress");
  await page.waitForFunction(() => /Done|fault/.test(document.querySelector(".ask-status").innerHTML), null, { timeout: 240_000 });
  assert.match(await page.innerText(".ask-status"), /Done: the result is on the map/);

  const shown = async () => {
    const seen = await colours(page);
    for (const one of seen) assert.ok(legend.includes(one), `${one} is a colour of the legend`);
    assert.equal(await colour(page, await where(page, OUTSIDE)), land, "the result ends where the outline did");
    const label = page.getByRole("button", { name: /^Go to Your area/ });
    assert.ok(await label.isVisible(), "the result has a name on the map");
    return seen;
  };
  const first = await shown();
  // The baseline is still there, beside and below the result.
  await page.evaluate((at) => window.geocropMap.jumpTo(at), { center: [DAM.lng, -17.46], zoom: 13 });
  await settle(page);
  assert.equal(await colour(page, await where(page, DAM)), WATER);

  await page.reload();
  await page.waitForSelector("#find");
  await page.click("#ask-title");
  const rows = page.locator(".mine li");
  await rows.first().waitFor();
  assert.equal(await rows.count(), 1);
  assert.match(await rows.first().innerText(), /Land cover \(Dynamic World\), 2024\s+0\.4 km²/);
  await rows.first().getByRole("link", { name: "Show" }).click();
  await page.waitForFunction(() => /Done/.test(document.querySelector(".ask-status").textContent));
  assert.deepEqual(await shown(), first, "the same map as before");
  // The one fault that the browser notes is the wrong password.
  await leave();
});

test("with the API away the map goes on, and one quiet line says so", { skip }, async () => {
  const context = await profile();
  const page = await context.newPage();
  const seen = watch(page);
  await page.route("**/v1/**", (route) => route.abort("connectionrefused"));
  await page.goto(`${site}/map/#layer=${VALLEY}`);
  await page.waitForFunction(() => /API cannot be reached/.test(document.querySelector("#status")?.textContent ?? ""));
  await settle(page);
  assert.equal(await page.getByText(/API cannot be reached/).locator("visible=true").count(), 1, "it is said once");
  assert.equal(await page.locator("[role=alert]").count(), 0, "it is no alarm");
  assert.equal(await colour(page, await where(page, DAM)), WATER);
  await page.focus("#year");
  await page.keyboard.press("ArrowLeft");
  await settle(page);
  assert.equal(await page.getAttribute("#year", "aria-valuetext"), "2023");
  assert.equal(await colour(page, await where(page, DAM)), WATER);
  await page.click("#ask-title");
  assert.match(await page.innerText(".ask"), /come back later/);
  assert.ok(seen.length > 0, "the network's own words were seen");
  for (const words of seen) assert.match(words, /net::ERR_CONNECTION_REFUSED/, "nothing but the network's own words");
  await context.close();
});

test("an API that goes away while one signs in is said in the form", { skip }, async () => {
  const { page, leave } = await open(`#layer=${VALLEY}`, { api: "real", faults: 1 });
  await page.click("#ask-title");
  await page.waitForSelector("#ask-user");
  await page.route("**/v1/**", (route) => route.abort("connectionrefused"));
  await page.fill("#ask-user", "someone");
  await page.fill("#ask-password", "a password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForSelector(".ask-status [role=alert]");
  assert.match(await page.innerText(".ask-status"), /API cannot be reached/);
  assert.ok(await page.isEnabled(".ask-form button"), "one may try again");
  assert.equal(await colour(page, await where(page, DAM)), WATER);
  await leave();
});
