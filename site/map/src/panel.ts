// The panel beside the map: which area and layer; the legend with its switches; opacity. The year is chosen on the map.

import { element, figure, swatch } from "./element";
import { distinct, type Layer, nearest } from "./layers";

export interface Choice {
  layer: Layer;
  hidden: Set<number>;
  opacity: number;
}

export class Panel {
  readonly root = element("div", { class: "panel-layers" });
  private readonly legend = element("div", { class: "panel-legend" });
  private readonly remarks = element("div");

  constructor(
    private readonly layers: Layer[],
    private readonly choice: Choice,
    private readonly changed: (what: "layer" | "classes" | "opacity") => void,
  ) {
    this.draw();
  }

  /** Redraws after the choice or the list of layers changed. */
  draw(): void {
    const { layer } = this.choice;
    const ofArea = this.layers.filter((l) => l.area === layer.area);
    const focused = document.activeElement?.id;
    this.root.replaceChildren(
      this.select("Area", "area", distinct(this.layers, (l) => l.area), layer.area, (area) => this.layers.find((l) => l.area === area)?.area_name ?? area),
      this.recipes(ofArea),
      this.legend,
      this.opacity(),
      this.remarks,
    );
    this.drawPeriod();
    if (focused) document.getElementById(focused)?.focus();
  }

  /** Redraws what differs from year to year. */
  drawPeriod(): void {
    this.drawLegend();
    this.remarks.replaceChildren(this.about());
  }

  private choose(wish: Partial<Pick<Layer, "area" | "recipe" | "period">>): void {
    const { area, recipe, period } = { ...this.choice.layer, ...wish };
    const layer = nearest(this.layers, { area, recipe, period });
    if (!layer) return;
    if (layer.recipe !== this.choice.layer.recipe) this.choice.hidden.clear();
    this.choice.layer = layer;
    this.draw();
    this.changed("layer");
  }

  private select(
    title: string,
    key: "area",
    values: string[],
    current: string,
    name: (value: string) => string,
  ): HTMLElement {
    const id = `choose-${key}`;
    const select = element("select", { id, onchange: () => this.choose({ [key]: select.value }) });
    for (const value of values) select.append(element("option", { value, selected: value === current }, name(value)));
    return element("div", { class: "field" }, element("label", { for: id }, title), select);
  }

  private recipes(layers: Layer[]): HTMLElement {
    const titles = new Map(layers.map((l) => [l.recipe, l.recipe_title]));
    const choices = [...titles].map(([recipe, title]) => {
      const id = `choose-recipe-${recipe}`;
      return element(
        "div",
        { class: "choice" },
        element("input", {
          type: "radio",
          name: "recipe",
          id,
          checked: recipe === this.choice.layer.recipe,
          onchange: () => this.choose({ recipe }),
        }),
        element("label", { for: id }, title),
      );
    });
    return element("fieldset", { class: "field" }, element("legend", {}, "Layer"), ...choices);
  }

  private drawLegend(): void {
    const { layer, hidden } = this.choice;
    if (layer.legend.length === 0) {
      this.legend.replaceChildren(element("p", { class: "quiet" }, layer.period));
      return;
    }
    const rows = layer.legend.map((entry) => {
      const id = `class-${entry.value}`;
      const box = element("input", {
        type: "checkbox",
        id,
        checked: !hidden.has(entry.value),
        onchange: () => {
          if (box.checked) hidden.delete(entry.value);
          else hidden.add(entry.value);
          this.changed("classes");
        },
      });
      const area =
        entry.hectares === undefined
          ? null
          : element("span", { class: "legend-area" }, `${figure(entry.hectares)} ha`, entry.percent === undefined ? null : element("small", {}, `${figure(entry.percent)} %`));
      const label = element("label", { for: id, title: entry.description }, swatch(entry.color), entry.title);
      return element("li", {}, box, label, area);
    });
    this.legend.replaceChildren(element("h2", {}, `Legend, ${layer.period}`), element("ul", { class: "legend-list" }, ...rows));
  }

  private opacity(): HTMLElement {
    const slider = element("input", {
      type: "range",
      id: "opacity",
      min: 0,
      max: 1,
      step: 0.05,
      value: this.choice.opacity,
      oninput: () => {
        this.choice.opacity = Number(slider.value);
        this.changed("opacity");
      },
    });
    return element("div", { class: "field" }, element("label", { for: "opacity" }, "Opacity"), slider);
  }

  private about(): HTMLElement {
    const { layer } = this.choice;
    return element(
      "div",
      { class: "panel-about" },
      layer.synthetic && element("p", {}, element("span", { class: "badge synthetic" }, "Synthetic"), " This landscape is made by the program and is no real place."),
      layer.notes.length > 0 && element("p", {}, element("span", { class: "badge note" }, "Please note"), ` ${layer.notes.join(" ")}`),
      layer.page && element("p", {}, element("a", { href: layer.page }, "Statistics, downloads and how it was made")),
    );
  }
}
