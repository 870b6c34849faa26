// The map page: reads layers.json, shows one layer at a time, keeps the view in the address.

import maplibregl from "maplibre-gl/dist/maplibre-gl-csp.js";
import type { GeoJSONSource, Map as MapLibre, RasterTileSource } from "maplibre-gl";
import { readAddress, writeAddress } from "./address";
import { Api } from "./api";
import { Ask } from "./ask";
import { basemap } from "./basemap";
import { element, figure, swatch } from "./element";
import { distinct, type Layer, nearest, readLayers } from "./layers";
import { type Choice, Panel } from "./panel";
import { classAt, forget, installTiles, template } from "./tiles";
import { Years } from "./years";
import "./map.css";

// Zimbabwe, where an empty store opens.
const HOME: [number, number, number, number] = [25.2, -22.5, 33.1, -15.6];
// The next layer is loaded beside the one in view, which goes when the other is there: years change without a flash.
const PLACES = ["shown-a", "shown-b"] as const;

async function start(app: HTMLElement): Promise<void> {
  const href = (name: string) => app.getAttribute(`data-href-${name}`) ?? undefined;
  const view = readAddress(location.hash);
  const layers = await readLayers(href("layers")!, href("store")!);
  const [recipe, period, area] = view.layer?.split("/") ?? [];
  const first = nearest(layers, { recipe, period, area });
  const dark = matchMedia("(prefers-color-scheme: dark)");

  maplibregl.setWorkerUrl(new URL(href("worker")!, location.href).href);
  installTiles();
  const map = new maplibregl.Map({
    container: "map",
    style: basemap(new URL(href("borders")!, location.href).href, dark.matches),
    attributionControl: false,
    maxPitch: 0,
    dragRotate: false,
    maxZoom: 18,
    ...(view.at ? { zoom: view.at[0], center: [view.at[2], view.at[1]] } : { bounds: first?.bbox ?? HOME, fitBoundsOptions: { padding: 40 } }),
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new maplibregl.ScaleControl({ maxWidth: 110 }), "bottom-right");
  map.addControl(new maplibregl.AttributionControl({ compact: true }), "bottom-right");
  // For tests and for the curious: the console can look at the map.
  Object.assign(window, { geocropMap: map });

  const panel = element("aside", { id: "panel", "aria-label": "Layers" });
  app.append(panel);
  await new Promise((ready) => map.once("load", ready));
  // The control opens itself; on a phone it would cover the map.
  if (innerWidth < 768) map.getContainer().querySelector(".maplibregl-ctrl-attrib")?.classList.remove("maplibregl-compact-show");
  dark.addEventListener("change", () => location.reload());

  if (!first) {
    panel.append(element("p", { class: "quiet" }, "Nothing has been mapped in this store yet."));
  }
  const choice: Choice | undefined = first && {
    layer: first,
    hidden: new Set(view.hidden ?? []),
    opacity: view.opacity ?? 1,
  };
  const shown = choice && new Shown(map, layers, choice, panel);

  const api = href("api");
  if (api) {
    const ask = new Ask(map, new Api(api.replace(/\/$/, "")), (layer) => shown?.add(layer));
    const box = element("details", { class: "ask-box", open: view.ask }, element("summary", { id: "ask-title" }, "Ask for an area of your own"), ask.root);
    panel.append(box);
    if (shown) shown.busy = () => ask.drawingNow;
    void ask.start();
  }
}

/** The chosen layer on the map, with everything that follows the choice. */
class Shown {
  /** Whether clicks belong to something else just now. */
  busy: () => boolean = () => false;
  private readonly panel: Panel;
  private readonly markers: maplibregl.Marker[] = [];
  private readonly years: Years;
  private shownTiles = "";
  private place: (typeof PLACES)[number] = PLACES[0];
  private popup: maplibregl.Popup | null = null;

  constructor(
    private readonly map: MapLibre,
    private readonly layers: Layer[],
    private readonly choice: Choice,
    host: HTMLElement,
  ) {
    this.panel = new Panel(layers, choice, (what) => this.follow(what));
    host.append(this.panel.root);
    this.years = new Years((period) => this.turnTo(period));
    map.addControl(this.years, "bottom-left");
    this.offerYears();
    this.outline();
    this.paint();
    map.on("click", (event) => this.busy() || void this.explain(event.lngLat));
    map.on("moveend", () => this.remember());
    window.addEventListener("hashchange", () => this.recall());
    this.remember();
  }

  /** Adds a job's result and shows it. */
  add(layer: Layer): void {
    const known = this.layers.findIndex((l) => l.id === layer.id);
    if (known >= 0) this.layers[known] = layer;
    else this.layers.push(layer);
    this.choice.layer = layer;
    this.choice.hidden.clear();
    this.outline();
    this.panel.draw();
    this.follow("layer");
  }

  private follow(what: "layer" | "classes" | "opacity"): void {
    if (what === "opacity") this.map.setPaintProperty(this.place, "raster-opacity", this.choice.opacity);
    else this.paint();
    if (what === "layer") {
      this.offerYears();
      this.popup?.remove();
      const bounds = this.map.getBounds();
      const [west, south, east, north] = this.choice.layer.bbox;
      const center: [number, number] = [(west + east) / 2, (south + north) / 2];
      // A layer of the area in view stays where the reader looks; another area is flown to.
      if (!bounds.contains(center) || this.map.getZoom() < this.choice.layer.min_zoom)
        this.map.fitBounds(this.choice.layer.bbox, { padding: 40 });
    }
    this.remember();
  }

  private paint(): void {
    const { layer, hidden, opacity } = this.choice;
    const source = this.map.getSource(this.place) as RasterTileSource | undefined;
    const key = layer.tiles;
    if (source && this.shownTiles === key) {
      source.setTiles([template(this.place, layer, hidden)]);
      return;
    }
    const before = this.place;
    const place = source ? PLACES.find((free) => free !== before)! : before;
    this.clear(place);
    this.place = place;
    this.shownTiles = key;
    this.map.addSource(place, {
      type: "raster",
      tiles: [template(place, layer, hidden)],
      tileSize: layer.tile_size,
      minzoom: layer.min_zoom,
      maxzoom: layer.max_zoom,
      bounds: layer.bbox,
      attribution: layer.attribution ?? undefined,
    });
    this.map.addLayer(
      {
        id: place,
        type: "raster",
        source: place,
        paint: {
          "raster-opacity": opacity,
          "raster-resampling": layer.kind === "rgb" ? "linear" : "nearest",
          "raster-fade-duration": 0,
        },
      },
      "areas",
    );
    if (source) this.map.once("idle", () => before !== this.place && this.clear(before));
  }

  private clear(place: string): void {
    if (this.map.getLayer(place)) this.map.removeLayer(place);
    if (this.map.getSource(place)) this.map.removeSource(place);
    forget(place);
  }

  private offerYears(): void {
    const { area, recipe, period } = this.choice.layer;
    const same = this.layers.filter((l) => l.area === area && l.recipe === recipe);
    this.years.offer(distinct(same, (l) => l.period), period);
  }

  /** The same layer in another year: the view and the hidden classes stay. */
  private turnTo(period: string): void {
    const { area, recipe } = this.choice.layer;
    const layer = this.layers.find((l) => l.area === area && l.recipe === recipe && l.period === period);
    if (!layer) return;
    this.choice.layer = layer;
    this.popup?.remove();
    this.panel.drawPeriod();
    this.paint();
    this.remember();
  }

  /** Outlines and names of all areas; a name is a button that goes there. */
  private outline(): void {
    for (const marker of this.markers.splice(0)) marker.remove();
    const areas = distinct(this.layers, (l) => l.area).map((area) => this.layers.find((l) => l.area === area)!);
    (this.map.getSource("areas") as GeoJSONSource).setData({
      type: "FeatureCollection",
      features: areas.map(({ bbox: [w, s, e, n] }) => ({
        type: "Feature",
        properties: {},
        geometry: { type: "Polygon", coordinates: [[[w, s], [e, s], [e, n], [w, n], [w, s]]] },
      })),
    });
    for (const { area, area_name, bbox } of areas) {
      const label = element(
        "button",
        { type: "button", class: "area-label", "aria-label": `Go to ${area_name}`, onclick: (event: Event) => { event.stopPropagation(); this.go(area); } },
        area_name,
      );
      this.markers.push(
        new maplibregl.Marker({ element: label, anchor: "bottom", offset: [0, -4] })
          .setLngLat([(bbox[0] + bbox[2]) / 2, bbox[3]])
          .addTo(this.map),
      );
    }
  }

  private go(area: string): void {
    const { recipe, period } = this.choice.layer;
    const layer = nearest(this.layers, { area, recipe, period });
    if (!layer) return;
    this.choice.layer = layer;
    this.panel.draw();
    this.offerYears();
    this.paint();
    this.map.fitBounds(layer.bbox, { padding: 40 });
    this.remember();
  }

  private async explain({ lng, lat }: { lng: number; lat: number }): Promise<void> {
    const { layer } = this.choice;
    this.popup?.remove();
    const found = layer.legend.length > 0 ? await classAt(layer, lng, lat) : null;
    if (!found) return;
    const body = element(
      "div",
      { class: "pixel" },
      element("p", { class: "pixel-class" }, swatch(found.color), found.title),
      found.description && found.description !== found.title && element("p", {}, found.description),
      found.hectares !== undefined && element("p", { class: "quiet" }, `${figure(found.hectares)} ha of ${layer.area_name}, ${layer.period}`),
      element("p", { class: "quiet" }, `${lat.toFixed(5)}, ${lng.toFixed(5)}`),
    );
    this.popup = new maplibregl.Popup({ maxWidth: "18rem" }).setLngLat([lng, lat]).setDOMContent(body).addTo(this.map);
  }

  private remember(): void {
    const { lng, lat } = this.map.getCenter();
    const { layer, opacity, hidden } = this.choice;
    const address = writeAddress({
      // Results of jobs are the visitor's own and expire; a link to one would be empty for others.
      layer: layer.id.startsWith("job/") ? undefined : layer.id,
      at: [this.map.getZoom(), lat, lng],
      opacity,
      hidden: [...hidden],
    });
    history.replaceState(null, "", address);
  }

  private recall(): void {
    const view = readAddress(location.hash);
    const wanted = this.layers.find((l) => l.id === view.layer);
    if (wanted) this.choice.layer = wanted;
    this.choice.opacity = view.opacity ?? 1;
    this.choice.hidden.clear();
    for (const value of view.hidden ?? []) this.choice.hidden.add(value);
    this.panel.draw();
    this.offerYears();
    this.paint();
    this.map.setPaintProperty(this.place, "raster-opacity", this.choice.opacity);
    if (view.at) this.map.jumpTo({ zoom: view.at[0], center: [view.at[2], view.at[1]] });
    else this.map.fitBounds(this.choice.layer.bbox, { padding: 40 });
  }
}

const app = document.getElementById("app");
if (app) {
  start(app).catch((error: unknown) => {
    const words = error instanceof Error ? error.message : String(error);
    app.append(element("div", { class: "map-message", role: "alert" }, element("p", {}, `The map cannot start: ${words}. `, element("a", { href: "/areas/" }, "The areas"), " show the same layers as pictures.")));
  });
}
