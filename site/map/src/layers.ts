// What the map can show: the entries of layers.json, and results of jobs in the same form.

export interface LegendClass {
  value: number;
  title: string;
  /** #rrggbb */
  color: string;
  description?: string;
  hectares?: number;
  percent?: number;
}

export interface Layer {
  /** recipe/period/area */
  id: string;
  recipe: string;
  recipe_title: string;
  period: string;
  area: string;
  area_name: string;
  kind: "classes" | "index" | "rgb";
  synthetic: boolean;
  notes: string[];
  attribution: string | null;
  /** West, south, east, north. */
  bbox: Bounds;
  /** Address of the STAC item; results of jobs have none. */
  item?: string;
  /** Addresses of the cloud optimized GeoTIFFs, for a look at single pixels. */
  rasters?: { map?: string; confidence?: string; applicability?: string; observations?: string };
  /** Address of the PMTiles archive. */
  tiles: string;
  /** Headers that the archive's server asks for. */
  headers?: Record<string, string>;
  min_zoom: number;
  max_zoom: number;
  tile_size: number;
  legend: LegendClass[];
  /** Page that tells more, where there is one. */
  page: string | null;
}

/** Every area's layer of one recipe and period: what is shown at once. */
export interface Sheet {
  /** recipe/period */
  key: string;
  recipe: string;
  title: string;
  period: string;
  kind: Layer["kind"];
  legend: LegendClass[];
  layers: Layer[];
}

/** Reads layers.json; the keys in it become addresses under the store. */
export async function readLayers(address: string, store: string): Promise<Layer[]> {
  const response = await (window.geocropLayers ?? fetch(address));
  if (!response.ok) throw new Error(`${address} answered ${response.status}`);
  const { layers } = (await response.json()) as { layers: Layer[] };
  const base = new URL(store, location.href);
  const under = (key: string) => new URL(key, base).href;
  return layers.map((layer) => ({
    ...layer,
    tiles: under(layer.tiles),
    item: layer.item && under(layer.item),
    rasters: Object.fromEntries(Object.entries(layer.rasters ?? {}).map(([name, key]) => [name, under(key)])),
  }));
}

/** The layers by recipe and period. */
export function sheets(layers: Layer[]): Map<string, Sheet> {
  const found = new Map<string, Sheet>();
  for (const layer of layers) {
    const { recipe, period, kind, legend } = layer;
    const key = `${recipe}/${period}`;
    const sheet = found.get(key);
    if (sheet) sheet.layers.push(layer);
    else found.set(key, { key, recipe, title: layer.recipe_title, period, kind, legend, layers: [layer] });
  }
  return found;
}

export type Bounds = [number, number, number, number];

/** The smallest box around all of `boxes`. */
export function union(boxes: Bounds[]): Bounds {
  const edge = (at: number, of: (...numbers: number[]) => number) => of(...boxes.map((box) => box[at]!));
  return [edge(0, Math.min), edge(1, Math.min), edge(2, Math.max), edge(3, Math.max)];
}

export function overlap(a: Bounds, b: Bounds): boolean {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

/** The values of `key` over `list`, each once, in order of appearance. */
export function distinct<T, V>(list: T[], key: (item: T) => V): V[] {
  return [...new Set(list.map(key))];
}

/** The sheet nearest to what is wished for: the same recipe first, then the same period, then the newest. */
export function nearest(all: Iterable<Sheet>, recipe: string | undefined, period: string | undefined): Sheet | undefined {
  const score = (sheet: Sheet) => (sheet.recipe === recipe ? 2 : 0) + (sheet.period === period ? 1 : 0);
  let best: Sheet | undefined;
  for (const sheet of all) {
    const better = best ? score(sheet) - score(best) || sheet.period.localeCompare(best.period) : 1;
    // Of two recipes as new as each other the first stays: layers.json lists those with a caveat last.
    if (better > 0) best = sheet;
  }
  return best;
}
