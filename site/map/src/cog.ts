// One pixel of a cloud optimized GeoTIFF by range requests: the header, then at most one tile.
//
// Reads what this program writes and no more: little-endian, tiled, 8 bits, DEFLATE without a predictor, in
// EPSG:6933. Anything else gives `null`, as does a pixel without data.

import { Recent } from "./recent";

/** The header of a map of a district fits; of a larger one the rest is fetched when it is needed. */
const FIRST = 16_384;
const NODATA = 255;

const files = new Recent<Promise<Cog | null>>(64);

/** The first band's value at a place. */
export async function valueAt(address: string, lng: number, lat: number, headers: Record<string, string> = {}): Promise<number | null> {
  const file = await files.get(address, () => Cog.open(address, headers));
  return file ? file.value(lng, lat) : null;
}

class Cog {
  private readonly tiles = new Map<number, Promise<Uint8Array>>();

  private constructor(
    private readonly read: (from: number, length: number) => Promise<DataView>,
    private readonly tag: (code: number) => Promise<number[]>,
    private readonly shape: { width: number; height: number; tile: [number, number]; bands: number },
    private readonly origin: [number, number],
    private readonly step: [number, number],
  ) {}

  static async open(address: string, headers: Record<string, string>): Promise<Cog | null> {
    const first = await range(address, headers, 0, FIRST);
    const read = async (from: number, length: number) => {
      const inFirst = from + length <= first.byteLength;
      const bytes = inFirst ? first.slice(from, from + length) : await range(address, headers, from, length);
      return new DataView(bytes);
    };
    const head = new DataView(first);
    // Classic TIFF only: an 8-bit map has to be very large to need more than 4 GB.
    if (head.byteLength < 8 || head.getUint32(0, true) !== 0x002a4949) return null;
    const directory = head.getUint32(4, true);
    const entries = new Map<number, { type: number; count: number; at: number }>();
    const count = (await read(directory, 2)).getUint16(0, true);
    const list = await read(directory + 2, count * 12);
    for (let i = 0; i < count; i++) {
      const type = list.getUint16(12 * i + 2, true);
      const many = list.getUint32(12 * i + 4, true);
      const inside = many * (WIDTHS[type] ?? 8) <= 4;
      entries.set(list.getUint16(12 * i, true), { type, count: many, at: inside ? directory + 10 + 12 * i : list.getUint32(12 * i + 8, true) });
    }
    const tag = async (code: number): Promise<number[]> => {
      const entry = entries.get(code);
      const width = entry && WIDTHS[entry.type];
      if (!entry || !width) return [];
      const view = await read(entry.at, entry.count * width);
      return Array.from({ length: entry.count }, (_, i) =>
        entry.type === 12 ? view.getFloat64(8 * i, true) : entry.type === 4 ? view.getUint32(4 * i, true) : entry.type === 3 ? view.getUint16(2 * i, true) : view.getUint8(i),
      );
    };
    const one = async (code: number, otherwise: number) => (await tag(code))[0] ?? otherwise;
    const readable =
      (await one(258, 1)) === 8 && [8, 32946].includes(await one(259, 1)) && (await one(317, 1)) === 1 && (await one(284, 1)) === 1;
    const scale = await tag(33550);
    const tie = await tag(33922);
    if (!readable || scale.length < 2 || tie.length < 6) return null;
    return new Cog(
      read,
      tag,
      { width: await one(256, 0), height: await one(257, 0), tile: [await one(322, 0), await one(323, 0)], bands: await one(277, 1) },
      [tie[3]! - tie[0]! * scale[0]!, tie[4]! + tie[1]! * scale[1]!],
      [scale[0]!, scale[1]!],
    );
  }

  async value(lng: number, lat: number): Promise<number | null> {
    const { width, height, tile: [across, down], bands } = this.shape;
    const [easting, northing] = equalArea(lng, lat);
    const column = Math.floor((easting - this.origin[0]) / this.step[0]);
    const row = Math.floor((this.origin[1] - northing) / this.step[1]);
    if (column < 0 || row < 0 || column >= width || row >= height) return null;
    const index = Math.floor(row / down) * Math.ceil(width / across) + Math.floor(column / across);
    let tile = this.tiles.get(index);
    if (!tile) {
      tile = this.inflate(index);
      this.tiles.set(index, tile);
    }
    const value = (await tile)[((row % down) * across + (column % across)) * bands];
    return value === undefined || value === NODATA ? null : value;
  }

  private async inflate(index: number): Promise<Uint8Array> {
    const at = (await this.tag(324))[index];
    const length = (await this.tag(325))[index];
    // A tile without a single value is not written.
    if (!at || !length) return new Uint8Array();
    const packed = await this.read(at, length);
    const stream = new Blob([packed.buffer as ArrayBuffer]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }
}

/** Bytes per value of the TIFF types that are read: byte, text, short, long, double. */
const WIDTHS: Record<number, number> = { 1: 1, 2: 1, 3: 2, 4: 4, 12: 8 };

async function range(address: string, headers: Record<string, string>, from: number, length: number): Promise<ArrayBuffer> {
  const response = await fetch(address, { headers: { ...headers, range: `bytes=${from}-${from + length - 1}` } });
  if (!response.ok) throw new Error(`${address} answered ${response.status}`);
  const bytes = await response.arrayBuffer();
  // A host that knows no ranges sends the whole file.
  return response.status === 206 ? bytes : bytes.slice(from, from + length);
}

/** EPSG:6933 metres: the cylindrical equal-area projection of WGS 84, true at 30 degrees (Snyder 1987, page 81). */
export function equalArea(lng: number, lat: number): [number, number] {
  const a = 6_378_137;
  const e2 = 0.00669437999014;
  const e = Math.sqrt(e2);
  const k = Math.cos(Math.PI / 6) / Math.sqrt(1 - e2 / 4);
  const s = Math.sin((lat * Math.PI) / 180);
  const q = (1 - e2) * (s / (1 - e2 * s * s) - Math.log((1 - e * s) / (1 + e * s)) / (2 * e));
  return [(a * k * lng * Math.PI) / 180, (a * q) / (2 * k)];
}
