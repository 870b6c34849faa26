// "Find": a combobox over the mapped areas and a few towns, after the pattern of the ARIA Authoring Practices
// (editable, list with manual selection). Empty, it lists every area, so that it is also the way to jump.

import { element } from "./element";
import type { Bounds } from "./layers";

export interface Place {
  name: string;
  /** What it is, in a word or two. */
  kind: string;
  /** A box to show, or a point with a zoom. */
  bounds?: Bounds;
  point?: [number, number];
}

/** More are not read; another letter narrows the list. */
const MOST = 12;

export class Search {
  private readonly list = element("ul", { role: "listbox", id: "find-list", class: "find-list", "aria-label": "Places", hidden: true });
  private readonly input = element("input", {
    id: "find",
    type: "text",
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "Area or town",
    "aria-expanded": "false",
    "aria-controls": "find-list",
    "aria-autocomplete": "list",
    oninput: () => this.open(),
    onclick: () => this.open(),
    onkeydown: (event: Event) => this.key(event as KeyboardEvent),
    onblur: () => this.close(),
  });
  readonly root = element("div", { class: "field find-place" }, element("label", { for: "find" }, "Find a place"), this.input, this.list);
  private found: Place[] = [];
  private active = -1;

  constructor(
    private readonly places: () => Place[],
    private readonly chosen: (place: Place) => void,
  ) {}

  private open(): void {
    const words = plain(this.input.value);
    const matches = this.places().filter(({ name, bounds }) => (words ? plain(name).includes(words) : bounds));
    // Names that begin with the words come first; otherwise the order of the list stays.
    this.found = matches.sort((a, b) => Number(plain(b.name).startsWith(words)) - Number(plain(a.name).startsWith(words))).slice(0, MOST);
    this.active = -1;
    this.list.replaceChildren(
      ...this.found.map((place, i) =>
        element(
          "li",
          {
            role: "option",
            id: `find-${i}`,
            "aria-selected": "false",
            // Before the input loses the focus, which closes the list.
            onmousedown: (event: Event) => { event.preventDefault(); this.take(place); },
          },
          element("span", {}, place.name),
          element("small", {}, place.kind),
        ),
      ),
    );
    if (this.found.length === 0) this.list.append(element("li", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, "Nothing of this name is known"));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.input.removeAttribute("aria-activedescendant");
  }

  private close(): void {
    this.list.hidden = true;
    this.active = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  private take(place: Place): void {
    this.input.value = place.name;
    this.close();
    this.input.select();
    this.chosen(place);
  }

  private key(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      if (this.list.hidden) this.input.value = "";
      this.close();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (this.list.hidden) this.open();
      const count = this.found.length;
      if (count === 0) return;
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.mark(this.active < 0 && step < 0 ? count - 1 : (this.active + step + count) % count);
    } else if (event.key === "Enter" && !this.list.hidden) {
      event.preventDefault();
      const place = this.found[Math.max(this.active, 0)];
      if (place) this.take(place);
    }
  }

  private mark(at: number): void {
    this.list.children[this.active]?.setAttribute("aria-selected", "false");
    this.active = at;
    const option = this.list.children[at];
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", `find-${at}`);
  }
}

function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
}
