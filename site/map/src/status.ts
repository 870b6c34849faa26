// The status page's script: asks the API for the state of the moment, once a minute while the page is in view. The page
// itself is a snapshot that needs none of this.

import { drawing, element } from "./element";

type State = "up" | "degraded" | "down" | "unknown";

interface Day {
  day: string;
  up: number | null;
  degraded: number | null;
  down: number | null;
}

interface Part {
  id: string;
  name: string;
  state: State;
  since: string | null;
  detail: string;
  history: Day[];
}

interface Status {
  checked_at: string | null;
  parts: Part[];
  newest_layer: { item: string; title: string; published: string } | null;
  newest_scene: { id: string; datetime: string; synthetic: boolean } | null;
}

const EVERY = 60_000;
const PATIENCE = 10_000;
const DAYS = 90;
const STEP = 10;
const BAR = 7;
const HEIGHT = 34;
const HEIGHTS: Record<State, number> = { up: HEIGHT, degraded: 22, down: 11, unknown: 3 };
const WORDS: Record<State, string> = { up: "Up", degraded: "Degraded", down: "Down", unknown: "Unknown" };

/** A day in one word: down from a tenth of its checks on, degraded where any was not up. */
function stateOf({ up, degraded, down }: Day): State {
  const checks = (up ?? 0) + (degraded ?? 0) + (down ?? 0);
  if (checks === 0) return "unknown";
  if ((down ?? 0) * 10 >= checks) return "down";
  return down || degraded ? "degraded" : "up";
}

/** "90 days: 88 up, 1 degraded, 1 unknown" */
function summary(states: State[]): string {
  const counts = (["up", "degraded", "down", "unknown"] as const).map((state) => [states.filter((s) => s === state).length, state] as const);
  return `${DAYS} days: ${counts.filter(([days]) => days > 0).map((count) => count.join(" ")).join(", ")}`;
}

function told(day: Day): string {
  const checks = (day.up ?? 0) + (day.degraded ?? 0) + (day.down ?? 0);
  const bad = [day.degraded && `${day.degraded} degraded`, day.down && `${day.down} down`].filter(Boolean);
  return `${day.day}: ${checks} checks, ${bad.join(", ") || "all up"}`;
}

/** The history as the snapshot draws it. */
function bars(name: string, history: Day[]): SVGSVGElement {
  const none = Array.from({ length: Math.max(0, DAYS - history.length) }, () => null);
  const days = [...none, ...history].slice(-DAYS);
  const states = days.map((day) => (day ? stateOf(day) : "unknown"));
  return drawing(
    "svg",
    { class: "days", viewBox: `0 0 ${STEP * (DAYS - 1) + BAR} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${name}, ${summary(states)}` },
    ...days.map((day, at) => {
      const state = states[at]!;
      const height = HEIGHTS[state];
      const title = day && state !== "unknown" ? drawing("title", {}, told(day)) : null;
      return drawing("rect", { class: state, x: STEP * at, y: HEIGHT - height, width: BAR, height, rx: 2 }, title);
    }),
  );
}

/** A moment as the snapshot writes it. */
function moment(datetime: string): HTMLTimeElement {
  const text = `${new Date(datetime).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  return element("time", { datetime }, text);
}

function icon(svg: Element | null | undefined, state: State) {
  svg?.querySelector("use")?.setAttribute("href", `#icon-${state}`);
}

function row(list: Element, { id, name }: Part): Element {
  const found = list.querySelector(`[data-part="${CSS.escape(id)}"]`);
  if (found) return found;
  const made = list.firstElementChild!.cloneNode(true) as HTMLElement;
  made.dataset["part"] = id;
  made.querySelector("h3")!.textContent = name;
  list.append(made);
  return made;
}

function set(shown: Element, now: State) {
  const state = shown.querySelector(".part-state")!;
  state.className = `part-state ${now}`;
  icon(state, now);
  state.querySelector("span")!.textContent = WORDS[now];
}

function show(list: Element, part: Part) {
  const shown = row(list, part);
  set(shown, part.state);
  shown.querySelector(".purpose")!.textContent = part.detail;
  shown.querySelector(".since")!.replaceChildren(...(part.since ? ["since ", moment(part.since)] : []));
  shown.querySelector(".days")!.replaceWith(bars(part.name, part.history));
}

/** The worst of all in one line, in the words of the snapshot. */
function overall(parts: Part[]): [State, string] {
  for (const state of ["down", "degraded"] as const) {
    const names = parts.filter((part) => part.state === state).map((part) => part.name);
    if (names.length > 0) return [state, `${WORDS[state]}: ${names.join(", ")}`];
  }
  if (parts.some((part) => part.state === "up")) return ["up", "Everything that is measured works"];
  return ["unknown", "Nothing is known of the parts"];
}

function headline(state: State, text: string, note: string) {
  const head = document.querySelector("#overall")!;
  head.className = `overall ${state}`;
  icon(head, state);
  head.querySelector(".overall-text")!.textContent = text;
  const said = document.querySelector("#service-note")!;
  // It is a live region: what has not changed is not read out again.
  if (said.textContent?.trim() !== note) said.textContent = note;
}

function newest(id: string, key: string | undefined, datetime: string | undefined, what: string) {
  const shown = document.querySelector<HTMLElement>(`#newest-${id}`);
  if (!shown || !key || !datetime || shown.dataset["key"] === key) return;
  shown.dataset["key"] = key;
  shown.querySelector("time")!.replaceWith(moment(datetime));
  shown.querySelector(".what")!.textContent = what;
}

async function refresh(service: HTMLElement) {
  const list = service.querySelector(".parts")!;
  try {
    const answer = await fetch(service.dataset["hrefStatus"]!, { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const status = (await answer.json()) as Status;
    for (const part of status.parts) show(list, part);
    // The snapshot may know parts that are not configured here.
    const ids = new Set(status.parts.map((part) => part.id));
    for (const part of list.querySelectorAll<HTMLElement>("[data-part]")) if (!ids.has(part.dataset["part"]!)) part.remove();
    const checked = status.checked_at ? `Checked ${moment(status.checked_at).textContent}.` : "The first check is under way.";
    headline(...overall(status.parts), checked);
    const { newest_layer: layer, newest_scene: scene } = status;
    newest("layer", layer?.item, layer?.published, layer?.title ?? "");
    newest("scene", scene?.id, scene?.datetime, scene ? scene.id + (scene.synthetic ? " (synthetic)" : "") : "");
  } catch {
    // An API that cannot be reached from here says nothing of the parts: not that they are up, nor that they are down.
    // What was measured of earlier days stays.
    for (const part of list.querySelectorAll(".part")) {
      set(part, "unknown");
      part.querySelector(".since")!.replaceChildren();
    }
    headline("unknown", "Nothing is known of the parts", "The API cannot be reached from here. Published maps are files and may well be there.");
  }
}

const service = document.querySelector<HTMLElement>("#service[data-href-status]");
if (service) {
  let last = 0;
  const look = () => {
    if (document.hidden || Date.now() - last < EVERY - 1000) return;
    last = Date.now();
    void refresh(service);
  };
  look();
  setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);
}
