// What is known about one place, from the published files alone: class, confidence and clear observations by year, for
// every layer that covers it.

import { valueAt } from "./cog";
import { drawing, element, figure, swatch } from "./element";
import { type Layer, type LegendClass, type Sheet } from "./layers";
import { classAt } from "./tiles";

interface Row {
  period: string;
  found: LegendClass | null;
  /** Percent. */
  confidence: number | null;
  /** Percent of the dissimilarity from the model's samples up to which it may be used. */
  applicability: number | null;
  /** Days with a clear view. */
  observations: number | null;
  /** The measured index, for layers of an index. */
  value: number | null;
}

interface Group {
  recipe: string;
  title: string;
  kind: Layer["kind"];
  rows: Row[];
}

/** How many years are looked up at once: enough to be quick, few enough for a small server. */
const AT_ONCE = 4;

function covers({ bbox: [west, south, east, north] }: Layer, lng: number, lat: number): boolean {
  return lng >= west && lng <= east && lat >= south && lat <= north;
}

async function lookUp(layer: Layer, lng: number, lat: number): Promise<Row> {
  const at = (address: string | undefined) => (address ? valueAt(address, lng, lat, layer.headers).catch(() => null) : null);
  const [found, confidence, applicability, observations, raw, scaling] = await Promise.all([
    classAt(layer, lng, lat).catch(() => null),
    at(layer.rasters?.confidence),
    at(layer.rasters?.applicability),
    at(layer.rasters?.observations),
    layer.kind === "index" ? at(layer.rasters?.map) : null,
    layer.kind === "index" ? scalingOf(layer) : null,
  ]);
  return {
    period: layer.period,
    found,
    confidence,
    applicability,
    observations,
    value: raw === null || !scaling ? null : raw * scaling.scale + scaling.offset,
  };
}

/** How the bytes of an index become its values: the item says it. */
async function scalingOf(layer: Layer): Promise<{ scale: number; offset: number } | null> {
  if (!layer.item) return null;
  try {
    const item = (await (await fetch(layer.item, { headers: layer.headers })).json()) as { assets?: { map?: Record<string, number> } };
    const scale = item.assets?.map?.["raster:scale"];
    return scale ? { scale, offset: item.assets?.map?.["raster:offset"] ?? 0 } : null;
  } catch {
    return null;
  }
}

async function gather(layers: Layer[], lng: number, lat: number): Promise<Group[]> {
  const wanted = layers.filter((layer) => layer.legend.length > 0 && covers(layer, lng, lat));
  const rows: Row[] = [];
  const queue = [...wanted.entries()];
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) rows[next[0]] = await lookUp(next[1], lng, lat);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const groups = new Map<string, Group>();
  for (const [i, { recipe, recipe_title, kind }] of wanted.entries()) {
    const group = groups.get(recipe) ?? { recipe, title: recipe_title, kind, rows: [] };
    group.rows.push(rows[i]!);
    groups.set(recipe, group);
  }
  const kept = [...groups.values()].filter((group) => group.rows.some((row) => row.found));
  for (const group of kept) group.rows.sort((a, b) => a.period.localeCompare(b.period));
  return kept;
}

/** The part of the panel about the place that was chosen. */
export class PlaceBox {
  readonly root = element("section", { class: "place", id: "place", "aria-labelledby": "place-title", hidden: true });
  private readonly body = element("div", { class: "place-body", "aria-live": "polite" });
  private groups: Group[] = [];
  private asked = 0;
  /** Which place the groups are about. */
  private known = "";

  constructor(closed: () => void) {
    this.root.append(
      element(
        "div",
        { class: "place-head" },
        element("h2", { id: "place-title" }, "This place"),
        element("button", { type: "button", class: "place-close", "aria-label": "Close what is known about this place", onclick: () => { this.close(); closed(); } }, "×"),
      ),
      this.body,
    );
  }

  close(): void {
    this.asked++;
    this.root.hidden = true;
  }

  async show(layers: Layer[], sheet: Sheet, lng: number, lat: number): Promise<void> {
    const asked = ++this.asked;
    const key = `${lng} ${lat} ${layers.length}`;
    // Another year of the same place: everything is known already.
    if (key === this.known && !this.root.hidden) return this.draw(sheet, lng, lat);
    this.known = "";
    this.root.hidden = false;
    this.body.setAttribute("aria-busy", "true");
    this.body.replaceChildren(element("p", { class: "quiet" }, "Reading the files of this place…"));
    const groups = await gather(layers, lng, lat);
    // Another place was chosen meanwhile.
    if (asked !== this.asked) return;
    this.groups = groups;
    this.known = key;
    this.body.removeAttribute("aria-busy");
    this.draw(sheet, lng, lat);
  }

  /** Puts the layer in view first. */
  private draw(sheet: Sheet, lng: number, lat: number): void {
    const where = element("p", { class: "quiet place-where" }, `${Math.abs(lat).toFixed(5)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lng).toFixed(5)}° ${lng < 0 ? "W" : "E"}`);
    if (this.groups.length === 0) {
      this.body.replaceChildren(element("p", {}, "Nothing has been mapped here."), where);
      return;
    }
    const open = new Set([...this.body.querySelectorAll<HTMLElement>("details[open]")].map((details) => details.dataset.recipe));
    const first = (group: Group) => Number(group.recipe === sheet.recipe);
    const ordered = [...this.groups].sort((a, b) => first(b) - first(a));
    this.body.replaceChildren(...ordered.map((group) => this.group(group, sheet.period, open.has(group.recipe))), where);
  }

  private group(group: Group, period: string, open: boolean): HTMLElement {
    const now = group.rows.find((row) => row.period === period) ?? group.rows.at(-1)!;
    const facts = [
      now.value !== null && `NDVI ${now.value.toFixed(2)}`,
      now.confidence !== null && `confidence ${now.confidence} %`,
      now.applicability !== null && now.applicability > 100 && "unlike anything that the model learnt from",
      now.observations !== null && (now.observations === 1 ? "1 clear observation" : `${now.observations} clear observations`),
    ].filter(Boolean);
    const { found } = now;
    return element(
      "div",
      { class: "place-group" },
      element("h3", {}, `${group.title}, ${now.period}`),
      element("p", { class: "place-class" }, found && swatch(found.color), found?.title ?? "Not mapped"),
      found?.description && found.description !== found.title && element("p", {}, sentence(found.description)),
      facts.length > 0 && element("p", { class: "quiet" }, sentence(facts.join(", "))),
      group.rows.length > 1 && chart(group, now.period),
      group.rows.length > 1 && element("p", { class: "quiet" }, steadiness(group.rows)),
      element("details", { open, "data-recipe": group.recipe }, element("summary", {}, "As a table"), table(group)),
    );
  }
}

function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}

function steadiness(rows: Row[]): string {
  const seen = rows.filter((row) => row.found);
  const counts = new Map<string, number>();
  for (const { found } of seen) counts.set(found!.title, (counts.get(found!.title) ?? 0) + 1);
  const [title, count] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? ["", 0];
  return count === seen.length ? `${title} in all ${count} years.` : `${title} in ${count} of ${seen.length} years.`;
}

/** A bar a year in the class's colour; its height is the confidence, where there is one. */
function chart({ rows, title }: Group, current: string): SVGSVGElement {
  const [width, height, foot] = [308, 74, 16];
  const step = width / rows.length;
  const bars = rows.map((row, i) => {
    const tall = row.found ? Math.max(((row.confidence ?? 100) / 100) * height, 4) : 2;
    const bar = drawing("rect", { x: (i * step + 1.5).toFixed(1), y: (height - tall).toFixed(1), width: (step - 3).toFixed(1), height: tall.toFixed(1), rx: 2, fill: row.found?.color ?? "currentColor", class: "chart-bar" });
    bar.append(drawing("title", {}, words(row)));
    return bar;
  });
  const short = (period: string) => (rows.length > 6 && /^\d{4}$/.test(period) ? `’${period.slice(2)}` : period);
  const labels = rows.map((row, i) =>
    drawing("text", { x: (i * step + step / 2).toFixed(1), y: height + foot - 3, "text-anchor": "middle", class: row.period === current ? "chart-now" : "chart-year" }, short(row.period)),
  );
  return drawing(
    "svg",
    { class: "chart", viewBox: `0 0 ${width} ${height + foot}`, role: "img", "aria-label": `${title} by year; the height is the confidence. The table below has the numbers.` },
    drawing("line", { x1: 0, x2: width, y1: 0.5, y2: 0.5, class: "chart-line" }),
    drawing("line", { x1: 0, x2: width, y1: height / 2, y2: height / 2, class: "chart-line" }),
    ...bars,
    ...labels,
  );
}

function words({ period, found, confidence }: Row): string {
  return `${period}: ${found?.title ?? "not mapped"}${confidence === null ? "" : `, confidence ${confidence} %`}`;
}

function table({ rows, title }: Group): HTMLElement {
  const has = (key: "confidence" | "observations" | "value") => rows.some((row) => row[key] !== null);
  const columns: [string, (row: Row) => string][] = [["Class", (row) => row.found?.title ?? "–"]];
  if (has("value")) columns.push(["NDVI", (row) => row.value?.toFixed(2) ?? "–"]);
  if (has("confidence")) columns.push(["Confidence", (row) => (row.confidence === null ? "–" : `${row.confidence} %`)]);
  if (has("observations")) columns.push(["Clear", (row) => (row.observations === null ? "–" : figure(row.observations).replace(".0", ""))]);
  return element(
    "table",
    {},
    element("caption", { class: "visually-hidden" }, `${title} at this place by year`),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Year"), ...columns.map(([name]) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, element("th", { scope: "row" }, row.period), ...columns.map(([, text]) => element("td", {}, text(row)))))),
  );
}
