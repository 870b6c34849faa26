// Bundles the scripts of the site: the status page's status.js, the capacity page's capacity.js, and the map: start.js, map.js, map.css, MapLibre's worker and the
// country borders, all into one folder.
// Usage: node build.mjs [FOLDER]     (or --outdir=FOLDER, or the variable OUTDIR; dist unless told)

import { build } from "esbuild";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { feature } from "topojson-client";

const flag = process.argv[2]?.replace(/^--outdir=/, "");
const outdir = flag ?? process.env.OUTDIR ?? "dist";

async function countries(scale) {
  const topology = JSON.parse(await readFile(`node_modules/world-atlas/countries-${scale}.json`, "utf8"));
  return feature(topology, topology.objects.countries).features.filter(({ geometry }) => geometry);
}

/** Whether a country is one of southern and eastern Africa's, where the maps are. */
function near({ geometry }) {
  const [lng, lat] = geometry.coordinates.flat(geometry.type === "Polygon" ? 1 : 2)[0];
  return lng > 8 && lng < 52 && lat > -36 && lat < 6;
}

// Natural Earth's borders as GeoJSON with two decimals (about a kilometre): finer where the maps are, coarse elsewhere.
async function borders() {
  const fine = (await countries("50m")).filter(near);
  const names = new Set(fine.map(({ properties }) => properties.name));
  const coarse = (await countries("110m")).filter(({ properties }) => !names.has(properties.name));
  const round = (node) => (typeof node === "number" ? Math.round(node * 100) / 100 : node.map(round));
  const thin = (ring) => ring.filter((p, i) => i === 0 || p[0] !== ring[i - 1][0] || p[1] !== ring[i - 1][1]);
  const polygon = (rings) => rings.map((ring) => thin(round(ring))).filter((ring) => ring.length > 3);
  const features = [];
  for (const { geometry, properties } of [...coarse, ...fine]) {
    if (properties.name === "Antarctica") continue;
    const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
    const kept = polygons.map(polygon).filter((rings) => rings.length > 0);
    if (kept.length === 0) continue;
    features.push({
      type: "Feature",
      properties: { name: properties.name },
      geometry: { type: "MultiPolygon", coordinates: kept },
    });
  }
  return JSON.stringify({ type: "FeatureCollection", features });
}

await rm(outdir, { recursive: true, force: true });
await mkdir(outdir, { recursive: true });
await build({
  entryPoints: { start: "src/start.ts", map: "src/main.ts", status: "src/status.ts", capacity: "src/calculator.ts" },
  outdir,
  bundle: true,
  minify: true,
  target: "es2022",
  format: "iife",
  legalComments: "none",
  logLevel: "warning",
});
// The worker is a file of its own, so that `worker-src 'self'` is all the policy has to allow.
await copyFile("node_modules/maplibre-gl/dist/maplibre-gl-csp-worker.js", join(outdir, "worker.js"));
await writeFile(join(outdir, "borders.json"), await borders());
