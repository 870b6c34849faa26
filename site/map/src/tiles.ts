// Tiles out of PMTiles archives: for the map, with hidden classes left out, and pixel by pixel for clicks and counts.
//
// A sheet is one raster source however many areas it has: a tile is put together from the archives that touch it.
// Below an archive's lowest zoom its tiles are drawn smaller, so that small areas stay coloured from afar.

import maplibregl from "maplibre-gl/dist/maplibre-gl-csp.js";
import { FetchSource, PMTiles } from "pmtiles";
import { type Bounds, type Layer, type LegendClass, overlap, type Sheet } from "./layers";
import { Recent } from "./recent";

const SCHEME = "geocrop";
/** How many zooms below its lowest an archive is drawn smaller; further out an area is a dot. */
export const FURTHER_OUT = 6;
const SIZE = 512;

const archives = new Map<string, PMTiles>();
const registered = new Map<string, Sheet>();
const packed = new Recent<Promise<ArrayBuffer | null>>(300);
const unpacked = new Recent<Promise<Uint8Array | null>>(48);

/** An archive that is read with the layer's headers as they are at the moment: a token in them is replaced now and then. */
class LayerSource extends FetchSource {
  constructor(private readonly layer: Layer) {
    super(layer.tiles);
  }

  override getBytes(...asked: Parameters<FetchSource["getBytes"]>): ReturnType<FetchSource["getBytes"]> {
    this.setHeaders(new Headers(this.layer.headers));
    return super.getBytes(...asked);
  }
}

function archive(layer: Layer): PMTiles {
  let known = archives.get(layer.tiles);
  if (!known) {
    known = new PMTiles(new LayerSource(layer));
    archives.set(layer.tiles, known);
  }
  return known;
}

/** A tile as it lies in the archive; fetched once while it is recent. */
function bytes(layer: Layer, z: number, x: number, y: number): Promise<ArrayBuffer | null> {
  return packed.get(`${layer.tiles} ${z}/${x}/${y}`, async () => (await archive(layer).getZxy(z, x, y))?.data ?? null);
}

// ---------------------------------------------------------------- where tiles lie

/** A place in units of tiles at zoom `z`. */
export function tilePoint(lng: number, lat: number, z: number): [number, number] {
  const sine = Math.sin((lat * Math.PI) / 180);
  const scale = 2 ** z;
  return [((lng + 180) / 360) * scale, (0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)) * scale];
}

/** The tiles of zoom `z` that touch `box`. */
export function* tilesIn([west, south, east, north]: Bounds, z: number): Generator<[number, number]> {
  const last = 2 ** z - 1;
  const [left, top] = tilePoint(west, Math.min(north, 85), z);
  const [right, bottom] = tilePoint(east, Math.max(south, -85), z);
  for (let y = Math.max(Math.floor(top), 0); y <= Math.min(Math.ceil(bottom) - 1, last); y++)
    for (let x = Math.max(Math.floor(left), 0); x <= Math.min(Math.ceil(right) - 1, last); x++) yield [x, y];
}

/** A tile of an archive that goes into a tile of the map: which, and where in units of the map's tile. */
interface Piece {
  layer: Layer;
  z: number;
  x: number;
  y: number;
  left: number;
  top: number;
  scale: number;
}

function pieces(layer: Layer, z: number, x: number, y: number): Piece[] {
  const [left, top] = tilePoint(layer.bbox[0], layer.bbox[3], z);
  const [right, bottom] = tilePoint(layer.bbox[2], layer.bbox[1], z);
  if (right <= x || left >= x + 1 || bottom <= y || top >= y + 1) return [];
  if (z > layer.max_zoom) {
    const scale = 2 ** (z - layer.max_zoom);
    const [px, py] = [Math.floor(x / scale), Math.floor(y / scale)];
    return [{ layer, z: layer.max_zoom, x: px, y: py, left: px * scale - x, top: py * scale - y, scale }];
  }
  if (z >= layer.min_zoom) return [{ layer, z, x, y, left: 0, top: 0, scale: 1 }];
  const scale = 2 ** (z - layer.min_zoom);
  const found: Piece[] = [];
  for (const [px, py] of tilesIn(layer.bbox, layer.min_zoom))
    if (Math.floor(px * scale) === x && Math.floor(py * scale) === y)
      found.push({ layer, z: layer.min_zoom, x: px, y: py, left: px * scale - x, top: py * scale - y, scale });
  return found;
}

// ---------------------------------------------------------------- tiles for the map

async function pixels(data: ArrayBuffer): Promise<ImageData> {
  const bitmap = await createImageBitmap(new Blob([data]), { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser gives no canvas");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function colorNumber(color: string): number {
  return Number.parseInt(color.slice(1), 16);
}

function hide(image: ImageData, hidden: Set<number>): void {
  const data = image.data;
  for (let at = 0; at < data.length; at += 4) {
    const color = (data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!;
    if (hidden.has(color)) data[at + 3] = 0;
  }
}

async function compose(sheet: Sheet, z: number, x: number, y: number, hidden: Set<number>): Promise<ArrayBuffer | ImageBitmap> {
  const wanted = sheet.layers.flatMap((layer) => pieces(layer, z, x, y));
  const found = await Promise.all(wanted.map(async (piece) => ({ piece, data: await bytes(piece.layer, piece.z, piece.x, piece.y) })));
  const there = found.filter(({ data }) => data);
  const [first] = there;
  // A tile of nothing: without any answer the map would wait for it for ever.
  if (!first) return createImageBitmap(new ImageData(1, 1));
  // As it lies in the archive: the usual case needs no drawing.
  if (there.length === 1 && first.piece.scale === 1 && hidden.size === 0) return first.data!;
  const canvas = new OffscreenCanvas(SIZE, SIZE);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser gives no canvas");
  // Mixed colours would be no class's colour.
  context.imageSmoothingEnabled = false;
  for (const { piece, data } of there) {
    const image = await pixels(data!);
    if (hidden.size > 0) hide(image, hidden);
    const bitmap = await createImageBitmap(image);
    context.drawImage(bitmap, piece.left * SIZE, piece.top * SIZE, piece.scale * SIZE, piece.scale * SIZE);
    bitmap.close();
  }
  return canvas.transferToImageBitmap();
}

/** Teaches MapLibre the addresses that `template` makes. */
export function installTiles(): void {
  maplibregl.addProtocol(SCHEME, async ({ url }) => {
    const { pathname, searchParams } = new URL(url.replace(`${SCHEME}:`, "https:"));
    const sheet = registered.get(searchParams.get("sheet") ?? "");
    const [z, x, y] = pathname.slice(1).split("/").map(Number);
    if (!sheet || z === undefined || x === undefined || y === undefined) throw new Error(`no layer for ${url}`);
    const hidden = (searchParams.get("hide") ?? "").split(",").filter(Boolean);
    return { data: await compose(sheet, z, x, y, new Set(hidden.map((hex) => Number.parseInt(hex, 16)))) };
  });
}

/** The tile address template of a sheet; `hidden` classes are left out of its tiles. */
export function template(sheet: Sheet, hidden: ReadonlySet<number>): string {
  registered.set(sheet.key, sheet);
  const colors = sheet.legend.filter((c) => hidden.has(c.value)).map((c) => c.color.slice(1));
  return `${SCHEME}://tiles/{z}/{x}/{y}?sheet=${encodeURIComponent(sheet.key)}&hide=${colors.join(",")}`;
}

/** Fetches the tiles that `sheet` would need for this view, so that it appears at once when it is chosen. */
export async function preload(sheet: Sheet, view: Bounds, zoom: number): Promise<void> {
  const wanted = sheet.layers.filter((layer) => overlap(layer.bbox, view)).flatMap((layer) => {
    const z = Math.min(Math.max(Math.round(zoom), layer.min_zoom), layer.max_zoom);
    return [...tilesIn(clip(layer.bbox, view), z)].map(([x, y]) => bytes(layer, z, x, y));
  });
  await Promise.allSettled(wanted);
}

function clip(a: Bounds, b: Bounds): Bounds {
  return [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])];
}

// ---------------------------------------------------------------- tiles as classes

const NONE = 255;

/** Places in the layer's legend, pixel by pixel; `NONE` where nothing is mapped. The palette is exact, so colours tell. */
function places(layer: Layer, z: number, x: number, y: number): Promise<Uint8Array | null> {
  return unpacked.get(`${layer.tiles} ${z}/${x}/${y}`, async () => {
    const data = await bytes(layer, z, x, y);
    if (!data) return null;
    const image = await pixels(data);
    const place = new Map(layer.legend.map((c, i) => [colorNumber(c.color), i]));
    const rgba = new Uint32Array(image.data.buffer);
    const found = new Uint8Array(rgba.length);
    // Neighbours are mostly alike: the last answer is asked first.
    let last = 0;
    let answer = NONE;
    for (let i = 0; i < rgba.length; i++) {
      const pixel = rgba[i]!;
      if (pixel !== last) {
        last = pixel;
        const color = ((pixel & 255) << 16) | (pixel & 0xff00) | ((pixel >> 16) & 255);
        answer = pixel >>> 24 === 0 ? NONE : (place.get(color) ?? NONE);
      }
      found[i] = answer;
    }
    return found;
  });
}

/** The class at a place, read from the colour of the most detailed tile there; `null` where nothing is mapped. */
export async function classAt(layer: Layer, lng: number, lat: number): Promise<LegendClass | null> {
  const z = layer.max_zoom;
  const [x, y] = tilePoint(lng, lat, z);
  const found = await places(layer, z, Math.floor(x), Math.floor(y));
  if (!found) return null;
  const size = Math.sqrt(found.length);
  const at = found[Math.floor((y % 1) * size) * size + Math.floor((x % 1) * size)]!;
  return layer.legend[at] ?? null;
}

/** Above this many tiles the view is too wide to count. */
const MOST_TILES = 24;

/** Hectares per place in the legend over the part of `sheet` in `view`; `null` where the view is too wide. */
export async function hectaresIn(sheet: Sheet, view: Bounds): Promise<number[] | null> {
  const layers = sheet.layers.filter((layer) => overlap(layer.bbox, view));
  const boxes = layers.map((layer) => clip(layer.bbox, view));
  const count = (zoom: (layer: Layer) => number) => layers.reduce((sum, layer, i) => sum + [...tilesIn(boxes[i]!, zoom(layer))].length, 0);
  const zoom = [(l: Layer) => l.max_zoom, (l: Layer) => l.min_zoom].find((of) => count(of) <= MOST_TILES);
  if (!zoom) return null;
  const sums = sheet.legend.map(() => 0);
  for (const [i, layer] of layers.entries()) {
    const z = zoom(layer);
    const [west, south, east, north] = boxes[i]!;
    const [left, top] = tilePoint(west, north, z);
    const [right, bottom] = tilePoint(east, south, z);
    for (const [x, y] of tilesIn(boxes[i]!, z)) {
      const found = await places(layer, z, x, y);
      if (!found) continue;
      const size = Math.sqrt(found.length);
      const inside = (edge: number, of: number) => Math.min(Math.max(Math.round((edge - of) * size), 0), size);
      const columns = [inside(left, x), inside(right, x)] as const;
      for (let row = inside(top, y); row < inside(bottom, y); row++) {
        const hectares = pixelHectares(z, y + (row + 0.5) / size, size);
        for (let at = row * size + columns[0]; at < row * size + columns[1]; at++) {
          const place = found[at]!;
          if (place !== NONE) sums[place]! += hectares;
        }
      }
    }
  }
  return sums;
}

/** Ground under one pixel: Mercator stretches both ways by the cosine of the latitude, and the Earth is no sphere. */
function pixelHectares(z: number, y: number, size: number): number {
  const scale = 2 ** z;
  const latitude = Math.atan(Math.sinh(Math.PI * (1 - (2 * y) / scale)));
  const metres = (40_075_016.686 * Math.cos(latitude)) / (scale * size);
  const e2 = 0.00669437999014;
  const flattening = (1 - e2) / (1 - e2 * Math.sin(latitude) ** 2) ** 2;
  return (metres * metres * flattening) / 10_000;
}
