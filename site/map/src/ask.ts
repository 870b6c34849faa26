// "Ask for an area": from a polygon to a job to its result on the map.

import { Api, type Job, type Me, type Recipe, Unreachable } from "./api";
import { Drawing } from "./draw";
import { element, figure } from "./element";
import { type AreaOfInterest, bounds, parseArea, squareKilometres } from "./geometry";
import type { Layer, LegendClass } from "./layers";
import { drop, keep, mine } from "./mine";
import type { Map as MapLibre } from "maplibre-gl";

/** Between two looks at a job, in milliseconds. */
const POLL = 1000;

interface Item {
  bbox: number[];
  properties: Record<string, unknown>;
  assets: Record<string, Record<string, unknown>>;
}

interface Statistics {
  classes?: { value: number; hectares: number; percent: number }[];
}

/** The form. `show` puts a finished result on the map. */
export class Ask {
  readonly root: HTMLElement;
  private readonly drawing: Drawing;
  private readonly body = element("div", { class: "ask-body" });
  private readonly mine = element("div", { class: "ask-mine" });
  private readonly size = element("p", { class: "ask-size", "aria-live": "polite" });
  private readonly status = element("div", { class: "ask-status", "aria-live": "polite" });
  private area: AreaOfInterest | null = null;
  private recipes: Recipe[] = [];
  private me: Me | null = null;

  constructor(
    private readonly map: MapLibre,
    private readonly api: Api,
    private readonly show: (layer: Layer) => void,
    /** Says something in the panel's quiet line. */
    private readonly say: (words: string) => void,
  ) {
    this.drawing = new Drawing(map, (area) => this.take(area));
    this.root = element("section", { class: "ask", "aria-labelledby": "ask-title" }, this.body);
  }

  get drawingNow(): boolean {
    return this.drawing.drawing;
  }

  /** Asks whether the API is there and builds the form accordingly. */
  async start(job?: string, invite?: string): Promise<void> {
    let refused: unknown = null;
    try {
      if (invite) await this.api.accept(invite).catch((error: unknown) => { if (error instanceof Unreachable) throw error; refused = error; });
      this.recipes = await this.api.recipes();
      await this.meet();
    } catch (error) {
      if (error instanceof Unreachable) {
        this.say("Areas on demand are off: the API cannot be reached. The map works without it.");
        this.body.replaceChildren(element("p", { class: "quiet" }, "The API cannot be reached just now; please come back later."));
        return;
      }
      // Recipes may be for signed-in users only; the form asks again after signing in.
    }
    this.build();
    if (refused) this.tell(refused);
    if (!job) return;
    if (this.api.signedIn) await this.guarded(() => this.open(job));
    else this.tell(new Error("Sign in to see this map: it is one of yours."));
  }

  /** Learns who is signed in and what is left of the quota; the form works without. */
  private async meet(): Promise<void> {
    this.me = this.api.signedIn ? await this.api.me().catch(() => null) : null;
  }

  private build(): void {
    this.drawMine();
    this.body.replaceChildren(
      element("p", { class: "quiet" }, "Draw a polygon or give GeoJSON; the same pipeline that made these layers maps it."),
      this.areaFields(),
      this.size,
      this.api.signedIn ? this.jobFields() : this.signInFields(),
      this.status,
      this.mine,
    );
  }

  private areaFields(): HTMLElement {
    const text = element("textarea", { rows: 4, id: "ask-geojson", spellcheck: "false", placeholder: '{"type":"Polygon","coordinates":…}' });
    const read = (source: string) => {
      try {
        const area = parseArea(source);
        this.drawing.show(area);
        this.take(area);
        this.map.fitBounds(bounds(area), { padding: 60, maxZoom: 14 });
      } catch (error) {
        this.tell(error);
      }
    };
    text.addEventListener("change", () => text.value.trim() && read(text.value));
    const file = element("input", {
      type: "file",
      id: "ask-file",
      accept: ".json,.geojson,application/geo+json",
      onchange: async () => {
        const chosen = file.files?.[0];
        if (chosen) read(await chosen.text());
      },
    });
    return element(
      "div",
      { class: "ask-area" },
      element("button", { type: "button", class: "button", onclick: () => this.draw() }, "Draw on the map"),
      element(
        "details",
        {},
        element("summary", {}, "Upload or paste GeoJSON"),
        element("label", { for: "ask-file" }, "Upload a file"),
        file,
        element("label", { for: "ask-geojson" }, "Or paste"),
        text,
      ),
    );
  }

  private draw(): void {
    this.area = null;
    this.size.textContent = "Click each corner. Click the first one again, or press Enter, to finish; Escape gives up.";
    this.drawing.start();
    this.map.getCanvas().focus();
  }

  private take(area: AreaOfInterest | null): void {
    this.area = area;
    this.status.replaceChildren();
    this.size.textContent = area ? this.sizeOf(area) : "";
  }

  /** The size in both units, and whether it is too large before it is sent. */
  private sizeOf(area: AreaOfInterest): string {
    const km2 = squareKilometres(area);
    const most = this.me?.quota.max_area_km2;
    const words = `${figure(km2)} km² (${figure(km2 * 100)} ha)`;
    return most !== undefined && km2 > most ? `${words}: more than the ${figure(most)} km² that you may ask for at once.` : words;
  }

  private quota(): HTMLElement | null {
    if (!this.me) return null;
    const { username, quota } = this.me;
    const jobs = quota.jobs.limit === null ? `maps asked for so far: ${quota.jobs.used}, without a limit` : `${quota.jobs.used} of ${quota.jobs.limit} maps used`;
    return element("p", { class: "quiet", id: "ask-quota" }, `Signed in as ${username}: ${jobs}; each at most ${figure(quota.max_area_km2)} km².`);
  }

  private drawMine(): void {
    const areas = mine();
    this.mine.hidden = areas.length === 0;
    if (areas.length === 0) return;
    const rows = areas.map(({ id, title, period, km2, asked }) =>
      element(
        "li",
        {},
        element("span", {}, `${title}, ${period}`, element("small", {}, `${figure(km2)} km², ${asked.slice(0, 10)}`)),
        element(
          "span",
          { class: "mine-buttons" },
          element("a", { class: "link", href: `#job=${id}`, onclick: (event: Event) => { event.preventDefault(); void this.guarded(() => this.open(id)); } }, "Show"),
          element("button", { type: "button", class: "link", "aria-label": `Forget ${title}, ${period}`, onclick: () => { drop(id); this.drawMine(); } }, "Forget"),
        ),
      ),
    );
    this.mine.replaceChildren(element("h3", {}, "My areas"), element("ul", { class: "mine" }, ...rows));
  }

  /** Shows the result of an earlier job, waiting for it where it still runs. */
  private async open(id: string): Promise<void> {
    if (!this.api.signedIn) throw new Error("Sign in to see this map: it is one of yours.");
    await this.finish(await this.api.job(id));
  }

  private signInFields(): HTMLElement {
    const username = element("input", { id: "ask-user", autocomplete: "username", required: true });
    const password = element("input", { id: "ask-password", type: "password", autocomplete: "current-password", required: true });
    return element(
      "form",
      {
        class: "ask-form",
        onsubmit: async (event: Event) => {
          event.preventDefault();
          await this.guarded(async () => {
            await this.api.signIn(username.value, password.value);
            this.recipes = await this.api.recipes();
            await this.meet();
            this.take(this.area);
            this.status.replaceChildren();
            this.build();
          });
        },
      },
      element("label", { for: "ask-user" }, "User name"),
      username,
      element("label", { for: "ask-password" }, "Password"),
      password,
      element("button", { class: "button quiet" }, "Sign in"),
    );
  }

  private jobFields(): HTMLElement {
    const recipe = element("select", { id: "ask-recipe" });
    for (const { name, title } of this.recipes) recipe.append(element("option", { value: name }, title));
    const period = element("select", { id: "ask-period" });
    const periods = () => {
      const chosen = this.recipes.find((r) => r.name === recipe.value);
      period.replaceChildren(...(chosen?.periods ?? []).map((p) => element("option", { value: p }, p)));
    };
    recipe.addEventListener("change", periods);
    periods();
    return element(
      "form",
      {
        class: "ask-form",
        onsubmit: async (event: Event) => {
          event.preventDefault();
          await this.guarded(() => this.submit(recipe.value, period.value));
        },
      },
      this.quota(),
      element("label", { for: "ask-recipe" }, "Map"),
      recipe,
      element("label", { for: "ask-period" }, "Period"),
      period,
      element("button", { class: "button" }, "Make this map"),
      element(
        "button",
        { type: "button", class: "link", onclick: () => { this.api.signOut(); this.me = null; this.build(); } },
        "Sign out",
      ),
    );
  }

  private async submit(recipe: string, period: string): Promise<void> {
    if (!this.area) throw new Error("Draw or load an area first.");
    const limit = this.recipes.find((r) => r.name === recipe)?.max_area_km2 ?? Number.POSITIVE_INFINITY;
    const size = squareKilometres(this.area);
    if (size > limit) throw new Error(`The area has ${figure(size)} km²; this map allows ${figure(limit)} km² at once.`);
    const accepted = await this.api.submit(recipe, period, this.area);
    const title = this.recipes.find((r) => r.name === recipe)?.title ?? recipe;
    keep({ id: accepted.id, title, period, km2: size, asked: new Date().toISOString() });
    this.drawMine();
    await this.finish(accepted);
  }

  /** Follows a job to its end and shows its result. */
  private async finish(accepted: Job): Promise<void> {
    const job = await this.follow(accepted);
    if (job.status !== "successful") throw new Error(job.message ?? `The job was ${job.status}.`);
    this.show(await this.result(job));
    this.drawing.show(null);
    this.area = null;
    this.size.textContent = "";
    await this.meet();
    const quota = this.quota();
    if (quota) this.body.querySelector("#ask-quota")?.replaceWith(quota);
    this.status.replaceChildren(element("p", {}, "Done: the result is on the map."));
  }

  private async follow(job: Job): Promise<Job> {
    const bar = element("progress", { max: 100, "aria-label": "Progress of the job" });
    const words = element("p", { class: "quiet" });
    this.status.replaceChildren(bar, words);
    this.status.scrollIntoView({ block: "nearest" });
    let current = job;
    while (current.status === "accepted" || current.status === "running") {
      bar.value = current.progress ?? 0;
      words.textContent = current.status === "accepted" ? "Waiting for a worker" : (current.stage ?? "Running");
      await new Promise((resolve) => setTimeout(resolve, POLL));
      current = await this.api.job(job.id);
    }
    return current;
  }

  private async result(job: Job): Promise<Layer> {
    if (!job.results) throw new Error("The job is done but names no results.");
    const [item, statistics] = await Promise.all([
      this.api.read<Item>(this.api.result(job, job.results.item)),
      this.api.read<Statistics>(this.api.result(job, job.results.statistics)),
    ]);
    const text = (key: string) => (item.properties[key] as string | undefined) ?? null;
    const { tiles = {}, map = {} } = item.assets;
    const classes = (map["classification:classes"] ?? []) as {
      value: number;
      name?: string;
      title?: string;
      description?: string;
      color_hint?: string;
    }[];
    const legend: LegendClass[] = classes.map(({ value, name, title, description, color_hint }) => ({
      value,
      title: title ?? name ?? String(value),
      color: `#${(color_hint ?? "888888").toLowerCase()}`,
      description,
      ...statistics.classes?.find((c) => c.value === value),
      // Statistics repeat names; the legend's own are for people.
      ...(title ? { title } : {}),
    }));
    const notes = item.properties["geocrop:notes"];
    const recipe = text("geocrop:recipe") ?? "job";
    const [west, south, east, north] = item.bbox.length === 6 ? [0, 1, 3, 4].map((i) => item.bbox[i]!) : item.bbox;
    return {
      id: `job/${job.id}`,
      recipe,
      recipe_title: this.recipes.find((r) => r.name === recipe)?.title ?? recipe,
      period: text("geocrop:period") ?? "",
      area: `job-${job.id}`,
      area_name: `Your area (${job.id.slice(0, 8)})`,
      kind: (text("geocrop:kind") as Layer["kind"] | null) ?? "classes",
      synthetic: item.properties["geocrop:synthetic"] === true,
      notes: Array.isArray(notes) ? notes.map(String) : [],
      attribution: text("geocrop:attribution"),
      bbox: [west!, south!, east!, north!],
      tiles: this.api.result(job, job.results.tiles),
      headers: this.api.headers,
      min_zoom: (tiles["geocrop:min_zoom"] as number | undefined) ?? 0,
      max_zoom: (tiles["geocrop:max_zoom"] as number | undefined) ?? 14,
      tile_size: (tiles["geocrop:tile_size"] as number | undefined) ?? 256,
      legend,
      page: null,
    };
  }

  private async guarded(work: () => Promise<void>): Promise<void> {
    const buttons = this.body.querySelectorAll("button");
    for (const button of buttons) button.disabled = true;
    try {
      await work();
    } catch (error) {
      this.tell(error);
      if (!this.api.signedIn && !this.body.querySelector("#ask-user")) this.build();
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  private tell(error: unknown): void {
    const words = error instanceof Error ? error.message : String(error);
    this.status.replaceChildren(element("p", { class: "fault", role: "alert" }, words));
  }
}
