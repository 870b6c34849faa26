// The year of a layer that has several: a slider on the map itself, so that it is at hand on a phone as well.

import type { IControl } from "maplibre-gl";
import { element } from "./element";

export class Years implements IControl {
  private readonly shown = element("output", { class: "years-now", for: "year" });
  private readonly slider = element("input", { type: "range", id: "year", min: 0, step: 1, oninput: () => this.moved() });
  private readonly ends = element("div", { class: "years-ends", "aria-hidden": "true" });
  private readonly root = element(
    "div",
    { class: "maplibregl-ctrl maplibregl-ctrl-group years", hidden: true },
    element("label", { for: "year" }, "Year"),
    this.shown,
    this.slider,
    this.ends,
  );
  private years: string[] = [];

  constructor(private readonly chosen: (year: string) => void) {}

  onAdd(): HTMLElement {
    return this.root;
  }

  onRemove(): void {
    this.root.remove();
  }

  /** Offers these years; with fewer than two there is nothing to choose, and the slider is away. */
  offer(years: string[], current: string): void {
    this.years = [...years].sort();
    this.root.hidden = this.years.length < 2;
    this.slider.max = String(Math.max(this.years.length - 1, 0));
    this.slider.value = String(this.years.indexOf(current));
    const first = this.years.at(0) ?? "";
    const last = this.years.at(-1) ?? "";
    this.ends.replaceChildren(element("span", {}, first), element("span", {}, last));
    this.name(current);
  }

  private moved(): void {
    const year = this.years[Number(this.slider.value)];
    if (year === undefined) return;
    this.name(year);
    this.chosen(year);
  }

  private name(year: string): void {
    this.shown.value = year;
    // What is read out: the slider's number is only a place in the list.
    this.slider.setAttribute("aria-valuetext", year);
  }
}
