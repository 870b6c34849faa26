// Lighthouse on pages of a served site; './dev lighthouse' starts one and calls this.
// Usage: node lighthouse.mjs SITE [ADDRESS...] [--desktop] [--runs N]

import { existsSync } from "node:fs";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { launch } from "chrome-launcher";
import lighthouse, { desktopConfig } from "lighthouse";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { desktop: { type: "boolean" }, runs: { type: "string", default: "3" } } });
const [site, ...named] = positionals;
const area = async () => (await (await fetch(`${site}/areas/`)).text()).match(/href="(\/areas\/[^"/]+\/)"/)?.[1];
const addresses = named.length > 0 ? named : ["/", "/map/", "/areas/", await area(), "/trade-offs/"].filter(Boolean);
const chromePath = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => path && existsSync(path));
// WebGL in software, as where the tests run: the map's figures are lower bounds for a machine with a graphics card.
const chromeFlags = ["--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"];

async function run(address) {
  const chrome = await launch({ chromePath, chromeFlags });
  try {
    const { lhr } = await lighthouse(site + address, { port: chrome.port, logLevel: "error" }, values.desktop ? desktopConfig : undefined);
    return lhr;
  } finally {
    await chrome.kill();
  }
}

console.log(`${values.desktop ? "desktop" : "mobile"}, median of ${values.runs}; load ${loadavg()[0].toFixed(1)} at the start`);
for (const address of addresses) {
  const runs = [];
  for (let i = 0; i < Number(values.runs); i++) runs.push(await run(address));
  runs.sort((a, b) => a.categories.performance.score - b.categories.performance.score);
  const lhr = runs[Math.floor(runs.length / 2)];
  const scores = Object.values(lhr.categories).map(({ title, score }) => `${title} ${Math.round(score * 100)}`);
  const times = ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift"].map((id) => `${lhr.audits[id].title} ${lhr.audits[id].displayValue}`);
  console.log(`${address}\n  ${scores.join(", ")}\n  ${times.join(", ")}`);
  for (const [name, { auditRefs }] of Object.entries(lhr.categories))
    for (const { id, weight } of auditRefs) {
      const { score, title, displayValue } = lhr.audits[id];
      if (weight > 0 && score !== null && score < 0.9) console.log(`    ${name}: ${title}${displayValue ? ` (${displayValue})` : ""}`);
    }
}
