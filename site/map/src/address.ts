// What is in view, in the address, so that a link shows what its sender saw:
// #layer=recipe/period&at=zoom/lat/lng&with=recipe/period&split=40&opacity=0.8&hide=1,2&place=lat/lng

export interface View {
  /** recipe/period, or recipe/period/area to open at an area. */
  layer?: string;
  /** Zoom, latitude, longitude. */
  at?: [number, number, number];
  /** recipe/period of the other side. */
  with?: string;
  /** Where the divider is, in percent of the width. */
  split?: number;
  opacity?: number;
  hidden?: number[];
  /** Latitude and longitude of the place that is explained. */
  place?: [number, number];
  /** Whether the form for asking for an area is open. */
  ask?: boolean;
  /** A job of the visitor's whose result is to be shown. */
  job?: string;
  /** The secret of an invite: it lets its guest in, and is not kept in the address. */
  invite?: string;
}

export function readAddress(hash: string): View {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const numbers = (name: string, count: number) => {
    const found = words.get(name)?.split("/").map(Number);
    return found?.length === count && found.every(Number.isFinite) ? found : undefined;
  };
  const within = (name: string, most: number) => {
    const found = Number(words.get(name) ?? Number.NaN);
    return found >= 0 && found <= most ? found : undefined;
  };
  return {
    layer: words.get("layer") ?? undefined,
    at: numbers("at", 3) as View["at"],
    with: words.get("with") ?? undefined,
    split: within("split", 100),
    opacity: within("opacity", 1),
    hidden: words.get("hide")?.split(",").map(Number).filter(Number.isInteger),
    invite: words.get("invite") ?? undefined,
    place: numbers("place", 2) as View["place"],
    ask: words.has("ask"),
    job: words.get("job") ?? undefined,
  };
}

export function writeAddress(view: View): string {
  const words: string[] = [];
  if (view.layer) words.push(`layer=${view.layer}`);
  if (view.at) words.push(`at=${view.at[0].toFixed(2)}/${view.at[1].toFixed(5)}/${view.at[2].toFixed(5)}`);
  if (view.with) words.push(`with=${view.with}`, `split=${Math.round(view.split ?? 50)}`);
  if (view.opacity !== undefined && view.opacity < 1) words.push(`opacity=${view.opacity}`);
  if (view.hidden?.length) words.push(`hide=${view.hidden.join(",")}`);
  if (view.place) words.push(`place=${view.place.map((n) => n.toFixed(5)).join("/")}`);
  if (view.ask) words.push("ask=1");
  return words.length > 0 ? `#${words.join("&")}` : "";
}
