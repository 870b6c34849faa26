// Builds elements: a tag, its properties and listeners, its children.

type Child = Node | string | null | undefined | false;
type Properties = Record<string, unknown>;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value as EventListener);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child) made.append(child);
  return made;
}

/** The same for SVG. */
export function drawing<K extends keyof SVGElementTagNameMap>(
  tag: K,
  properties: Record<string, string | number> = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, String(value));
  for (const child of children) if (child) made.append(child);
  return made;
}

/** A small square of a class's colour. */
export function swatch(color: string): SVGSVGElement {
  return drawing(
    "svg",
    { class: "swatch", width: 14, height: 14, "aria-hidden": "true" },
    drawing("rect", { width: 14, height: 14, rx: 3, fill: color }),
  );
}

const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** A number for people: one decimal below a hundred, none above. */
export function figure(value: number): string {
  return value >= 99.95 ? whole.format(value) : tenth.format(value);
}
