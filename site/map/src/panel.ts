// The panel beside the map: which layer, compared with which other; the legend with its switches and what it counts in
// view; opacity. The year is chosen on the map.

import { element, figure, swatch } from "./element";
import { distinct, type Layer, type LegendClass, nearest, type Sheet } from "./layers";

export interface Choice {
  sheet: Sheet;
  /** What is compared with it, on the right of the divider. */
  partner: Sheet | null;
  hidden: Set<number>;
  opacity: number;
}

export type Change = "layer" | "partner" | "classes" | "opacity";

/** Hectares in view per place in the legend; `null` where the view is too wide to count, `undefined` before. */
export type Counted = number[] | null | undefined;

export class Panel {
  readonly root = element("div", { class: "panel-layers" });
  private readonly legend = element("div", { class: "panel-legend" });
  private readonly remarks = element("div", { class: "panel-about" });
  private counted: Counted;
  private visible: Layer[] = [];

  constructor(
    private readonly sheets: () => Map<string, Sheet>,
    private readonly choice: Choice,
    private readonly changed: (what: Change) => void,
  ) {
    this.draw();
  }

  /** Redraws after the choice or the list of layers changed. */
  draw(): void {
    const focused = document.activeElement?.id;
    this.counted = undefined;
    this.root.replaceChildren(this.recipes(), this.compare(), this.legend, this.opacity(), this.remarks);
    this.drawLegend();
    this.drawAbout();
    if (focused) document.getElementById(focused)?.focus();
  }

  /** Redraws what differs from year to year. */
  drawPeriod(): void {
    this.drawLegend();
    this.drawAbout();
  }

  /** Shows what is in view: the layers there, and hectares per class. */
  inView(visible: Layer[], counted: Counted): void {
    this.visible = visible;
    this.counted = counted;
    this.drawPeriod();
  }

  private recipes(): HTMLElement {
    const all = [...this.sheets().values()];
    const choices = distinct(all, (sheet) => sheet.recipe).map((recipe) => {
      const id = `choose-recipe-${recipe}`;
      return element(
        "div",
        { class: "choice" },
        element("input", { type: "radio", name: "recipe", id, checked: recipe === this.choice.sheet.recipe, onchange: () => this.choose(recipe) }),
        element("label", { for: id }, all.find((sheet) => sheet.recipe === recipe)!.title),
      );
    });
    return element("fieldset", { class: "field" }, element("legend", {}, "Layer"), ...choices);
  }

  private choose(recipe: string): void {
    const { choice } = this;
    const sheet = nearest(this.sheets().values(), recipe, choice.sheet.period);
    if (!sheet) return;
    if (sheet.recipe !== choice.sheet.recipe) choice.hidden.clear();
    choice.sheet = sheet;
    this.draw();
    this.changed("layer");
  }

  private compare(): HTMLElement {
    const all = [...this.sheets().values()];
    const select = element("select", {
      id: "compare",
      onchange: () => {
        this.choice.partner = this.sheets().get(select.value) ?? null;
        this.drawPeriod();
        this.changed("partner");
      },
    });
    select.append(element("option", { value: "" }, "Nothing"));
    for (const recipe of distinct(all, (sheet) => sheet.recipe)) {
      const same = all.filter((sheet) => sheet.recipe === recipe).sort((a, b) => b.period.localeCompare(a.period));
      const options = same.map(({ key, title, period }) => element("option", { value: key, selected: key === this.choice.partner?.key }, `${title}, ${period}`));
      select.append(element("optgroup", { label: same[0]!.title }, ...options));
    }
    return element("div", { class: "field" }, element("label", { for: "compare" }, "Compare with"), select);
  }

  private drawLegend(): void {
    const { sheet, partner } = this.choice;
    const focused = document.activeElement?.id;
    const open = this.legend.querySelector("details")?.open;
    const other = partner && partner.recipe !== sheet.recipe && partner.legend.length > 0;
    this.legend.replaceChildren(
      element("h2", {}, `${sheet.legend.length > 0 ? "Legend" : sheet.title}, ${sheet.period}`),
      ...(sheet.legend.length > 0 ? [this.classes(sheet), this.note(), this.table(sheet, open)] : []),
      ...(other
        ? [element("h2", { class: "legend-other" }, `Right side: ${partner.title}, ${partner.period}`), element("ul", { class: "legend-list" }, ...partner.legend.map((c) => element("li", {}, swatch(c.color), element("span", {}, c.title))))]
        : []),
    );
    if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus();
  }

  private classes({ legend }: Sheet): HTMLElement {
    const { hidden } = this.choice;
    const rows = legend.map((entry, i) => {
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
      const label = element("label", { for: id, title: entry.description }, swatch(entry.color), entry.title);
      return element("li", {}, box, label, this.share(i));
    });
    return element("ul", { class: "legend-list" }, ...rows);
  }

  private share(place: number): HTMLElement | null {
    const { counted } = this;
    if (!counted) return null;
    const sum = counted.reduce((a, b) => a + b, 0);
    if (sum === 0) return null;
    const hectares = counted[place] ?? 0;
    return element("span", { class: "legend-area" }, `${figure(hectares)} ha`, element("small", {}, `${figure((100 * hectares) / sum)} %`));
  }

  private note(): HTMLElement {
    const { counted } = this;
    const sum = counted?.reduce((a, b) => a + b, 0);
    const words =
      counted === undefined ? "Counting hectares in view…" : counted === null ? "Zoom in to count hectares in view." : sum ? "Hectares in view, counted from the map’s tiles: approximate." : "Nothing of this layer is in view.";
    return element("p", { class: "quiet legend-note" }, words);
  }

  /** The same in a table, with the published figures of each area beside what is in view. */
  private table(sheet: Sheet, open: boolean | undefined): HTMLElement {
    const { counted, visible } = this;
    // More columns than fit are on the areas' own pages.
    const areas = visible.slice(0, 2);
    const published = (layer: Layer, { value }: LegendClass) => layer.legend.find((c) => c.value === value)?.hectares;
    const number = (value: number | undefined) => element("td", {}, value === undefined ? "–" : figure(value));
    return element(
      "details",
      { open },
      element("summary", { id: "legend-table" }, "As a table"),
      element(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": "Hectares per class" },
        element(
          "table",
          {},
          element("caption", { class: "visually-hidden" }, `${sheet.title}, ${sheet.period}: hectares per class, in view (approximate) and as published`),
          element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Class"), element("th", { scope: "col" }, "ha in view"), ...areas.map((l) => element("th", { scope: "col" }, l.area_name)))),
          element(
            "tbody",
            {},
            ...sheet.legend.map((c, i) => element("tr", {}, element("th", { scope: "row" }, c.title), number(counted?.[i]), ...areas.map((layer) => number(published(layer, c))))),
          ),
        ),
      ),
    );
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
        slider.setAttribute("aria-valuetext", `${Math.round(this.choice.opacity * 100)} percent`);
        this.changed("opacity");
      },
    });
    return element("div", { class: "field" }, element("label", { for: "opacity" }, "Opacity"), slider);
  }

  private drawAbout(): void {
    const { sheet } = this.choice;
    const about = this.visible.length > 0 ? this.visible : sheet.layers;
    const notes = [...new Set(about.flatMap((layer) => layer.notes))];
    const pages = this.visible.filter((layer) => layer.page).slice(0, 4);
    this.remarks.replaceChildren(
      ...[
        about.some((layer) => layer.synthetic) && element("p", {}, element("span", { class: "badge synthetic" }, "Synthetic"), " These landscapes are made by the program and are no real places."),
        notes.length > 0 && element("p", {}, element("span", { class: "badge note" }, "Please note"), ` ${notes.join(" ")}`),
        pages.length > 0 && element("p", {}, "Statistics, downloads and how it was made: ", ...pages.flatMap((layer, i) => [i > 0 && ", ", element("a", { href: layer.page! }, layer.area_name)]), "."),
      ].filter((part) => part !== false),
    );
  }
}
