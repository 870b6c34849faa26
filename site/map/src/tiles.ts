// Tiles out of PMTiles archives: as they are for the map, without hidden classes where some are, and pixel by pixel
// for a click.

import maplibregl from "maplibre-gl/dist/maplibre-gl-csp.js";
import { FetchSource, PMTiles } from "pmtiles";
import type { Layer, LegendClass } from "./layers";

const SCHEME = "geocrop";

const archives = new Map<string, PMTiles>();
const shown = new Map<string, Layer>();

function archive(layer: Layer): PMTiles {
  let known = archives.get(layer.tiles);
  if (!known) {
    known = new PMTiles(new FetchSource(layer.tiles, new Headers(layer.headers)));
    archives.set(layer.tiles, known);
  }
  return known;
}

function colorNumber(color: string): number {
  return Number.parseInt(color.slice(1), 16);
}

async function pixels(data: ArrayBuffer): Promise<ImageData> {
  const bitmap = await createImageBitmap(new Blob([data]), { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser gives no canvas");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

async function without(data: ArrayBuffer, hidden: Set<number>): Promise<ImageBitmap> {
  const image = await pixels(data);
  const bytes = image.data;
  for (let at = 0; at < bytes.length; at += 4) {
    const color = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    if (hidden.has(color)) bytes[at + 3] = 0;
  }
  return createImageBitmap(image);
}

/** Teaches MapLibre the addresses that `template` makes. */
export function installTiles(): void {
  maplibregl.addProtocol(SCHEME, async ({ url }, { signal }) => {
    const { hostname, pathname, search } = new URL(url.replace(`${SCHEME}:`, "https:"));
    const layer = shown.get(hostname);
    const [z, x, y] = pathname.slice(1).split("/").map(Number);
    if (!layer || z === undefined || x === undefined || y === undefined) throw new Error(`no layer for ${url}`);
    const tile = await archive(layer).getZxy(z, x, y, signal);
    if (!tile) return { data: null };
    const hidden = new Set(search.slice(1).split(",").filter(Boolean).map((hex) => Number.parseInt(hex, 16)));
    return { data: hidden.size > 0 ? await without(tile.data, hidden) : tile.data };
  });
}

/** The tile address template of a layer; `hidden` classes are left out of its tiles. */
export function template(name: string, layer: Layer, hidden: Set<number>): string {
  shown.set(name, layer);
  const colors = layer.legend.filter((c) => hidden.has(c.value)).map((c) => c.color.slice(1));
  return `${SCHEME}://${name}/{z}/{x}/{y}?${colors.join(",")}`;
}

/** Forgets the layer of a template that is no longer shown. */
export function forget(name: string): void {
  shown.delete(name);
}

/** The class at a place, read from the colour of the most detailed tile there; `null` where nothing is mapped. */
export async function classAt(layer: Layer, lng: number, lat: number): Promise<LegendClass | null> {
  const z = layer.max_zoom;
  const scale = 2 ** z;
  const sine = Math.sin((lat * Math.PI) / 180);
  const worldX = ((lng + 180) / 360) * scale;
  const worldY = (0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)) * scale;
  const tile = await archive(layer).getZxy(z, Math.floor(worldX), Math.floor(worldY));
  if (!tile) return null;
  const image = await pixels(tile.data);
  const column = Math.floor((worldX % 1) * image.width);
  const row = Math.floor((worldY % 1) * image.height);
  const at = 4 * (row * image.width + column);
  const [red, green, blue, alpha] = image.data.subarray(at, at + 4);
  if (!alpha) return null;
  const color = (red! << 16) | (green! << 8) | blue!;
  return layer.legend.find((c) => colorNumber(c.color) === color) ?? null;
}
