// The map page: reads layers.json, shows one layer of all areas at a time, keeps what is in view in the address.

import maplibregl from "maplibre-gl/dist/maplibre-gl-csp.js";
import type { GeoJSONSource, LngLatLike, Map as MapLibre } from "maplibre-gl";
import { readAddress, type View, writeAddress } from "./address";
import { Api } from "./api";
import { Ask } from "./ask";
import { basemap } from "./basemap";
import { element } from "./element";
import { type Bounds, distinct, type Layer, nearest, overlap, readLayers, type Sheet, sheets, union } from "./layers";
import { Overlay } from "./overlay";
import { addBase } from "./osm";
import { type Change, type Choice, Panel } from "./panel";
import { PlaceBox } from "./place";
import { type Place, Search } from "./search";
import { Swipe } from "./swipe";
import { hectaresIn, installTiles, preload } from "./tiles";
import { TOWNS } from "./towns";
import { Years } from "./years";
import "./map.css";

if (window.self !== window.top) document.body.classList.add("embedded");

// Zimbabwe, where an empty store opens.
const HOME: Bounds = [25.2, -22.5, 33.1, -15.6];
/** What is shown first, where it is there: the baseline that covers all years. */
const BASELINE = "dynamic-world";
/** Narrower than this many pixels an area is hardly seen; the map then opens at one area instead of at all of them. */
const SEEN = 28;

/** Around what is fitted: room for the names above the areas and for the year below. */
const narrow = innerWidth < 768;
const PADDING = { top: 64, bottom: narrow ? 72 : 96, left: narrow ? 40 : 130, right: narrow ? 56 : 130 };

async function start(app: HTMLElement): Promise<void> {
  const href = (name: string) => app.getAttribute(`data-href-${name}`) ?? undefined;
  const view = readAddress(location.hash);
  // A secret does not stay where it is copied and kept.
  if (view.invite) history.replaceState(null, "", location.pathname);
  const layers = await readLayers(href("layers")!, href("store")!);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const style = () => basemap(new URL(href("borders")!, location.href).href, dark.matches);
  const host = document.getElementById("map")!;
  const first = wanted(view, sheets(layers));
  await window.geocropGraphics;

  maplibregl.setWorkerUrl(new URL(href("worker")!, location.href).href);
  installTiles();
  const map = new maplibregl.Map({
    container: "map",
    style: style(),
    attributionControl: false,
    maxPitch: 0,
    dragRotate: false,
    maxZoom: 18,
    fadeDuration: 0,
    // Finer than this nobody sees, and every pixel costs time.
    pixelRatio: Math.min(devicePixelRatio, 2),
    ...(view.at
      ? { zoom: view.at[0], center: [view.at[2], view.at[1]] }
      : { bounds: opening(first, view.layer?.split("/")[2], host.clientWidth) ?? HOME, fitBoundsOptions: { padding: PADDING } }),
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  // For tests and for the curious: the console can look at the map.
  Object.assign(window, { geocropMap: map });

  const panel = document.getElementById("panel") ?? app.appendChild(element("aside", { id: "panel", "aria-label": "Layers" }));
  // One quiet line for what is amiss; the map goes on without it.
  const status = element("p", { class: "quiet map-status", role: "status", id: "status" });
  const say = (words: string) => { if (status.textContent !== words) status.textContent = words; };
  panel.append(status);
  map.on("error", ({ error }) => say(`Some of the map cannot be read just now: ${error.message}`));
  await new Promise((ready) => map.once("load", ready));
  document.getElementById("wait")?.remove();
  // Both at once, since the second would move the first.
  map.addControl(new maplibregl.ScaleControl({ maxWidth: 110 }), "bottom-right");
  // Closed from the start: it opens itself, which would cover the map and move what lies beside it.
  map.addControl(new maplibregl.AttributionControl({ compact: true }), "bottom-right");
  const credits = map.getContainer().querySelector(".maplibregl-ctrl-attrib");
  credits?.classList.remove("maplibregl-compact-show");
  credits?.removeAttribute("open");
  dark.addEventListener("change", () => location.reload());

  const base = href("basemap");
  const prepare = (on: MapLibre) => {
    if (!base) return;
    addBase(on, new URL(base, location.href).href, dark.matches).catch((error: unknown) => say(`The base map cannot be read: ${error instanceof Error ? error.message : String(error)}`));
  };
  prepare(map);
  if (!first) status.before(element("p", { class: "quiet" }, "Nothing has been mapped in this store yet."));
  const shown = first && new Shown(map, layers, { sheet: first, partner: null, hidden: new Set(), opacity: 1 }, panel, status, new Swipe(map, style, prepare, () => shown?.remember(true)));
  shown?.recall(view, false);

  const api = href("api");
  if (api) {
    const ask = new Ask(map, new Api(api.replace(/\/$/, "")), (layer) => shown?.add(layer), say);
    const box = element("details", { class: "ask-box", open: view.ask || view.job !== undefined || view.invite !== undefined }, element("summary", { id: "ask-title" }, "Ask for an area of your own"), ask.root);
    status.before(box);
    if (shown) shown.busy = () => ask.drawingNow;
    // What is asked for on demand may wait until the map is there.
    map.once("idle", () => void ask.start(view.job, view.invite));
  }
}

/** The sheet that an address names, or the newest of the baseline. */
function wanted(view: View, all: Map<string, Sheet>): Sheet | undefined {
  const [recipe, period] = view.layer?.split("/") ?? [];
  return nearest(all.values(), recipe ?? BASELINE, period);
}

/** Where the map opens: at the area that was named, else at all areas, else at the first where all would be specks. */
function opening(sheet: Sheet | undefined, area: string | undefined, width: number): Bounds | undefined {
  if (!sheet) return undefined;
  const named = sheet.layers.find((layer) => layer.area === area);
  if (named) return named.bbox;
  const all = union(sheet.layers.map((layer) => layer.bbox));
  const widest = Math.max(...sheet.layers.map(({ bbox }) => bbox[2] - bbox[0]));
  return (widest / (all[2] - all[0])) * (width - PADDING.left - PADDING.right) >= SEEN ? all : sheet.layers[0]!.bbox;
}

/** The chosen sheet on the map, with everything that follows the choice. */
class Shown {
  /** Whether clicks belong to something else just now. */
  busy: () => boolean = () => false;
  private all: Map<string, Sheet>;
  private readonly panel: Panel;
  private readonly overlay: Overlay;
  private readonly years: Years;
  private readonly place: PlaceBox;
  private readonly pin = new maplibregl.Marker({ element: element("div", { class: "pin" }) });
  private readonly markers: maplibregl.Marker[] = [];
  private areas: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };
  private at: [number, number] | null = null;
  private counting = 0;
  /** What was counted last. */
  private looked = "";

  constructor(
    private readonly map: MapLibre,
    private readonly layers: Layer[],
    private readonly choice: Choice,
    private readonly host: HTMLElement,
    before: HTMLElement,
    private readonly swipe: Swipe,
  ) {
    this.all = sheets(layers);
    this.overlay = new Overlay(map, "areas");
    this.place = new PlaceBox(() => this.forgetPlace());
    this.panel = new Panel(() => this.all, choice, (what) => this.follow(what));
    this.years = new Years(
      (period, fresh) => this.turnTo(period, fresh),
      (period) => this.fetchAhead(period),
    );
    const search = new Search(() => this.places(), (place) => this.go(place));
    const everywhere = element("button", { type: "button", class: "link", onclick: () => this.fit(this.extent()) }, "Show all areas");
    search.root.append(everywhere);
    before.before(search.root, this.place.root, this.panel.root);
    host.scrollTop = 0;
    map.addControl(this.years, "bottom-left");
    this.outline();
    map.on("click", (event) => this.busy() || this.explain(event.lngLat.lng, event.lngLat.lat, true));
    map.getCanvas().addEventListener("keydown", (event) => {
      // Without a pointer the middle of the map is what is asked about.
      if (event.key !== "Enter" || this.busy()) return;
      const { lng, lat } = map.getCenter();
      this.explain(lng, lat, true);
    });
    map.getCanvas().setAttribute("aria-label", "Map. Arrow keys move it, plus and minus zoom, Enter explains the place in the middle.");
    map.on("moveend", () => this.remember(false));
    map.on("idle", () => void this.look());
    window.addEventListener("popstate", () => this.recall(readAddress(location.hash), true));
  }

  /** Adds a job's result and shows it. */
  add(layer: Layer): void {
    const known = this.layers.findIndex((l) => l.id === layer.id);
    if (known >= 0) this.layers[known] = layer;
    else this.layers.push(layer);
    this.all = sheets(this.layers);
    this.choice.sheet = this.all.get(`${layer.recipe}/${layer.period}`)!;
    this.choice.hidden.clear();
    this.outline();
    this.panel.draw();
    this.paint();
    this.fit(layer.bbox);
    this.remember(true);
  }

  private follow(what: Change): void {
    this.paint();
    if (what === "layer") {
      // A layer that is in view stays where the reader looks; one that is elsewhere is gone to.
      const view = this.box();
      if (!this.choice.sheet.layers.some(({ bbox }) => overlap(bbox, view))) this.fit(this.extent());
      if (this.at) this.explain(...this.at, false);
    }
    this.remember(what === "layer" || what === "partner");
  }

  private paint(): void {
    const { sheet, partner, hidden, opacity } = this.choice;
    this.overlay.show(sheet, hidden, opacity);
    this.years.offer([...this.all.values()].filter((s) => s.recipe === sheet.recipe).map((s) => s.period), sheet.period);
    if (partner) this.swipe.show(sheet, partner, partner.recipe === sheet.recipe ? hidden : new Set(), opacity, this.areas);
    else this.swipe.hide();
  }

  /** The same layer in another year: the view and the hidden classes stay. */
  private turnTo(period: string, fresh: boolean): void {
    const sheet = this.all.get(`${this.choice.sheet.recipe}/${period}`);
    if (!sheet) return;
    this.choice.sheet = sheet;
    this.panel.drawPeriod();
    this.paint();
    if (this.at) this.explain(...this.at, false);
    this.remember(fresh);
  }

  private fetchAhead(period: string | undefined): Promise<void> {
    const sheet = this.all.get(`${this.choice.sheet.recipe}/${period}`);
    return sheet ? preload(sheet, this.box(), this.map.getZoom()) : Promise.resolve();
  }

  /** When the map has come to rest: counts what is in view, then fetches the years beside this one. */
  private async look(): Promise<void> {
    const { sheet } = this.choice;
    const view = this.box();
    const key = `${sheet.key} ${sheet.layers.length} ${view.join()}`;
    if (key === this.looked) return;
    this.looked = key;
    const run = ++this.counting;
    // A moment later, so that a reader who is still moving does not wait for it.
    await new Promise((done) => (window.requestIdleCallback ?? setTimeout)(() => setTimeout(done, 120)));
    if (run !== this.counting) return;
    const counted = sheet.legend.length > 0 ? await hectaresIn(sheet, view).catch(() => null) : null;
    if (run !== this.counting) return;
    this.panel.inView(sheet.layers.filter(({ bbox }) => overlap(bbox, view)), counted);
    const years = [...this.all.values()].filter((s) => s.recipe === sheet.recipe).map((s) => s.period).sort();
    const now = years.indexOf(sheet.period);
    await Promise.all([this.fetchAhead(years[now + 1]), this.fetchAhead(years[now - 1])]);
  }

  private box(): Bounds {
    const bounds = this.map.getBounds();
    return [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
  }

  private extent(): Bounds {
    return union(this.choice.sheet.layers.map((layer) => layer.bbox));
  }

  private fit(bounds: Bounds): void {
    this.map.fitBounds(bounds, { padding: PADDING });
  }

  // -------------------------------------------------------------- places

  private places(): Place[] {
    const areas = distinct(this.layers, (layer) => layer.area).map((area) => this.layers.find((layer) => layer.area === area)!);
    return [
      ...areas.map(({ area_name, bbox }) => ({ name: area_name, kind: "mapped area", bounds: bbox })),
      ...TOWNS.map(({ name, lng, lat }) => ({ name, kind: "town", point: [lng, lat] as [number, number] })),
    ];
  }

  private go({ bounds, point }: Place): void {
    if (bounds) this.fit(bounds);
    else if (point) this.map.flyTo({ center: point as LngLatLike, zoom: 10 });
  }

  /** Outlines and names of all areas; a name is a button that goes there. */
  private outline(): void {
    for (const marker of this.markers.splice(0)) marker.remove();
    const areas = distinct(this.layers, (l) => l.area).map((area) => this.layers.find((l) => l.area === area)!);
    this.areas = {
      type: "FeatureCollection",
      features: areas.map(({ bbox: [w, s, e, n] }) => ({
        type: "Feature",
        properties: {},
        geometry: { type: "Polygon", coordinates: [[[w, s], [e, s], [e, n], [w, n], [w, s]]] },
      })),
    };
    (this.map.getSource("areas") as GeoJSONSource).setData(this.areas);
    for (const { area_name, bbox } of areas) {
      const label = element(
        "button",
        { type: "button", class: "area-label", "aria-label": `Go to ${area_name}`, onclick: (event: Event) => { event.stopPropagation(); this.fit(bbox); } },
        area_name,
      );
      this.markers.push(
        new maplibregl.Marker({ element: label, anchor: "bottom", offset: [0, -4] })
          .setLngLat([(bbox[0] + bbox[2]) / 2, bbox[3]])
          .addTo(this.map),
      );
    }
  }

  private explain(lng: number, lat: number, fresh: boolean): void {
    this.at = [lng, lat];
    this.pin.setLngLat([lng, lat]).addTo(this.map);
    this.pin.getElement().setAttribute("aria-hidden", "true");
    void this.place.show(this.layers, this.choice.sheet, lng, lat);
    if (!fresh) return;
    // The panel alone scrolls; on a phone what is asked about comes to its top.
    const [panel, box] = [this.host.getBoundingClientRect(), this.place.root.getBoundingClientRect()];
    if (narrow || box.top < panel.top || box.top > panel.bottom - 120) this.host.scrollTop += box.top - panel.top - 12;
    this.remember(true);
  }

  private forgetPlace(): void {
    this.at = null;
    this.pin.remove();
    this.remember(true);
    this.map.getCanvas().focus({ preventScroll: true });
  }

  // -------------------------------------------------------------- the address

  /** Writes what is in view into the address; `step` makes it a step that the back button takes back. */
  remember(step: boolean): void {
    const { lng, lat } = this.map.getCenter();
    const { sheet, partner, opacity, hidden } = this.choice;
    const address = writeAddress({
      layer: sheet.key,
      at: [this.map.getZoom(), lat, lng],
      with: partner?.key,
      split: this.swipe.at,
      opacity,
      hidden: [...hidden],
      place: this.at ? [this.at[1], this.at[0]] : undefined,
    });
    if (address === location.hash) return;
    if (step) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
  }

  /** Shows what an address names. */
  recall(view: View, move: boolean): void {
    const { choice } = this;
    choice.sheet = wanted(view, this.all) ?? choice.sheet;
    choice.partner = this.all.get(view.with ?? "") ?? null;
    choice.opacity = view.opacity ?? 1;
    choice.hidden.clear();
    for (const value of view.hidden ?? []) choice.hidden.add(value);
    this.swipe.at = view.split ?? 50;
    this.looked = "";
    this.panel.draw();
    this.paint();
    if (view.place) this.explain(view.place[1], view.place[0], false);
    else {
      this.at = null;
      this.pin.remove();
      this.place.close();
    }
    if (!move) return;
    if (view.at) this.map.jumpTo({ zoom: view.at[0], center: [view.at[2], view.at[1]] });
    else this.fit(opening(choice.sheet, view.layer?.split("/")[2], this.map.getContainer().clientWidth)!);
  }
}

const app = document.getElementById("app");
if (app) {
  start(app).catch((error: unknown) => {
    const words = error instanceof Error ? error.message : String(error);
    app.append(element("div", { class: "map-message", role: "alert" }, element("p", {}, `The map cannot start: ${words}. `, element("a", { href: "/areas/" }, "The areas"), " show the same layers as pictures.")));
  });
}
