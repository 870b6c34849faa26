// Two sheets side by side: a second map over the first, cut off at a divider that can be dragged or moved by keys.
// The second map follows the first and takes no input, so that panning and clicking work the same on both sides.

import maplibregl from "maplibre-gl/dist/maplibre-gl-csp.js";
import type { GeoJSONSource, Map as MapLibre, StyleSpecification } from "maplibre-gl";
import { element } from "./element";
import type { Sheet } from "./layers";
import { Overlay } from "./overlay";

/** Percent of the width that an arrow key moves the divider; with Page Up and Page Down five times as far. */
const STEP = 2;

export class Swipe {
  /** Where the divider is, in percent of the width. */
  at = 50;
  private readonly host = element("div", { class: "swipe-map", "aria-hidden": "true" });
  private readonly divider: HTMLElement = element("div", {
    class: "swipe",
    id: "swipe",
    role: "slider",
    tabindex: 0,
    "aria-label": "Divider between the two layers",
    "aria-orientation": "horizontal",
    "aria-valuemin": 0,
    "aria-valuemax": 100,
    "aria-controls": "map",
    onkeydown: (event: Event) => this.key(event as KeyboardEvent),
    onpointerdown: (event: Event) => this.grab(event as PointerEvent),
    onpointermove: (event: Event) => this.drag(event as PointerEvent),
    onpointerup: () => this.settled(),
  }, element("span", { class: "swipe-grip", "aria-hidden": "true" }));
  private readonly names = [element("span", { class: "swipe-name swipe-left", "aria-hidden": "true" }), element("span", { class: "swipe-name swipe-right", "aria-hidden": "true" })] as const;
  private second: MapLibre | null = null;
  private overlay: Overlay | null = null;
  private words = ["", ""];

  constructor(
    private readonly map: MapLibre,
    private readonly style: () => StyleSpecification,
    /** Brings a new map to the state of the first, but for its sheet. */
    private readonly prepare: (map: MapLibre) => void,
    private readonly settled: () => void,
  ) {}

  show(left: Sheet, right: Sheet, hidden: ReadonlySet<number>, opacity: number, areas: GeoJSON.FeatureCollection): void {
    this.words = [name(left), name(right)];
    this.names.forEach((tag, i) => { tag.textContent = this.words[i]!; });
    if (!this.second) this.open();
    this.place(this.at);
    const second = this.second!;
    const draw = () => {
      if (second !== this.second) return;
      (second.getSource("areas") as GeoJSONSource).setData(areas);
      this.overlay!.show(right, hidden, opacity);
    };
    if (second.isStyleLoaded() || this.overlay) draw();
    else
      second.once("load", () => {
        this.prepare(second);
        this.overlay = new Overlay(second, "areas");
        draw();
      });
  }

  hide(): void {
    this.second?.remove();
    this.second = this.overlay = null;
    this.map.off("move", this.follow);
    for (const part of [this.host, this.divider, ...this.names]) part.remove();
  }

  private open(): void {
    const container = this.map.getContainer();
    // Below the names of areas and the controls, above the first map's picture.
    this.map.getCanvas().after(this.host);
    container.append(this.divider, ...this.names);
    this.second = new maplibregl.Map({
      container: this.host,
      style: this.style(),
      interactive: false,
      attributionControl: false,
      fadeDuration: 0,
      center: this.map.getCenter(),
      zoom: this.map.getZoom(),
    });
    // What the first map shows is named there; nobody can reach this copy of it.
    this.second.getCanvas().tabIndex = -1;
    this.overlay = null;
    this.map.on("move", this.follow);
  }

  private readonly follow = (): void => {
    this.second?.jumpTo({ center: this.map.getCenter(), zoom: this.map.getZoom() });
  };

  private place(at: number): void {
    this.at = Math.min(Math.max(at, 0), 100);
    this.host.style.clipPath = `inset(0 0 0 ${this.at}%)`;
    this.divider.style.left = `${this.at}%`;
    this.divider.setAttribute("aria-valuenow", String(Math.round(this.at)));
    this.divider.setAttribute("aria-valuetext", `${Math.round(this.at)} percent ${this.words[0]}, the rest ${this.words[1]}`);
  }

  private grab(event: PointerEvent): void {
    this.divider.setPointerCapture(event.pointerId);
    // Otherwise the map below would be dragged as well.
    event.preventDefault();
    this.divider.focus({ preventScroll: true });
  }

  private drag(event: PointerEvent): void {
    if (!this.divider.hasPointerCapture(event.pointerId)) return;
    const box = this.map.getContainer().getBoundingClientRect();
    this.place(((event.clientX - box.left) / box.width) * 100);
  }

  private key(event: KeyboardEvent): void {
    const to = { ArrowLeft: this.at - STEP, ArrowDown: this.at - STEP, ArrowRight: this.at + STEP, ArrowUp: this.at + STEP, PageDown: this.at - 5 * STEP, PageUp: this.at + 5 * STEP, Home: 0, End: 100 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.place(to);
    this.settled();
  }
}

function name(sheet: Sheet): string {
  return `${sheet.title} ${sheet.period}`;
}
