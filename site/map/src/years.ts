// The year of a layer that has several: a slider on the map itself, so that it is at hand on a phone as well, and a
// button that plays the years once to the end.

import type { IControl } from "maplibre-gl";
import { drawing, element } from "./element";

/** How long a year stays when the years are played; longer for those who asked for less movement. */
const STAY = matchMedia("(prefers-reduced-motion: reduce)").matches ? 2500 : 1100;

export class Years implements IControl {
  private readonly shown = element("output", { class: "years-now", for: "year" });
  private readonly slider = element("input", {
    type: "range",
    id: "year",
    min: 0,
    step: 1,
    oninput: () => this.moved(),
    onchange: () => { this.dragging = false; },
  });
  private readonly play = element("button", { type: "button", class: "years-play", id: "play", onclick: () => (this.playing ? this.stop() : this.start()) });
  private readonly ends = element("div", { class: "years-ends", "aria-hidden": "true" });
  private readonly root = element(
    "div",
    { class: "maplibregl-ctrl maplibregl-ctrl-group years", hidden: true, role: "group", "aria-label": "Year" },
    this.play,
    element("label", { for: "year" }, "Year"),
    this.shown,
    this.slider,
    this.ends,
  );
  private years: string[] = [];
  private dragging = false;
  private playing = 0;

  constructor(
    /** `fresh` says that this is the first year of a movement: the back button returns to what was before it. */
    private readonly chosen: (year: string, fresh: boolean) => void,
    /** Resolves when the tiles of a year are there. */
    private readonly ready: (year: string) => Promise<void>,
  ) {
    this.draw();
  }

  onAdd(): HTMLElement {
    return this.root;
  }

  onRemove(): void {
    this.root.remove();
  }

  /** Offers these years; with fewer than two there is nothing to choose, and the slider is away. */
  offer(years: string[], current: string): void {
    const sorted = [...years].sort();
    if (sorted.join() !== this.years.join()) this.stop();
    this.years = sorted;
    this.root.hidden = this.years.length < 2;
    this.slider.max = String(Math.max(this.years.length - 1, 0));
    this.slider.value = String(this.years.indexOf(current));
    this.ends.replaceChildren(element("span", {}, this.years.at(0) ?? ""), element("span", {}, this.years.at(-1) ?? ""));
    this.name(current);
  }

  private moved(): void {
    this.stop();
    this.turn(!this.dragging);
    this.dragging = true;
  }

  private turn(fresh: boolean): void {
    const year = this.years[Number(this.slider.value)];
    if (year === undefined) return;
    this.name(year);
    this.chosen(year, fresh);
  }

  private start(): void {
    // From the end the years are played from the start; the last one ends it.
    const restart = Number(this.slider.value) === this.years.length - 1;
    const run = Date.now();
    this.playing = run;
    this.draw();
    if (restart) {
      this.slider.value = "0";
      this.turn(true);
    }
    void this.step(run);
  }

  private async step(run: number): Promise<void> {
    for (let next = Number(this.slider.value) + 1; next < this.years.length; next++) {
      await Promise.all([this.ready(this.years[next]!), new Promise((done) => setTimeout(done, STAY))]);
      if (this.playing !== run) return;
      this.slider.value = String(next);
      this.turn(false);
    }
    if (this.playing === run) this.stop();
  }

  private stop(): void {
    if (!this.playing) return;
    this.playing = 0;
    this.draw();
  }

  private draw(): void {
    const path = this.playing ? "M4 3h3v10H4zM9 3h3v10H9z" : "M4.5 2.5v11l9-5.5z";
    this.play.replaceChildren(drawing("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, drawing("path", { d: path, fill: "currentColor" })));
    this.play.setAttribute("aria-label", this.playing ? "Stop playing the years" : "Play the years");
  }

  private name(year: string): void {
    this.shown.value = year;
    // What is read out: the slider's number is only a place in the list.
    this.slider.setAttribute("aria-valuetext", year);
  }
}
