// The API's client: sign in, list recipes, start a job, follow it.

import type { AreaOfInterest } from "./geometry";

export interface Recipe {
  name: string;
  title: string;
  periods: string[];
  max_area_km2: number;
}

export interface Job {
  id: string;
  status: "accepted" | "running" | "successful" | "failed" | "dismissed";
  stage?: string | null;
  progress?: number | null;
  message?: string | null;
  results?: Record<"item" | "map" | "tiles" | "statistics", string> | null;
}

export interface Me {
  username: string;
  quota: {
    /** In all; without a limit any number. */
    jobs: { used: number; limit: number | null };
    max_area_km2: number;
  };
}

/** The API cannot be reached at all, which is no fault of what was asked. */
export class Unreachable extends Error {}

/** What signing in gives. */
interface Grant {
  access_token: string;
  refresh_token: string;
  /** Seconds for which the token is good. */
  expires_in: number;
}

const KEPT = "geocrop-session";

export class Api {
  /** What continues the session; good once. */
  private refreshToken: string | null = sessionStorage.getItem(KEPT);
  private renewing: Promise<boolean> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Sent with every request. The object stays the same while the token in it is replaced: layers keep it. */
  readonly headers: Record<string, string> = {};

  constructor(private readonly base: string) {}

  get signedIn(): boolean {
    return this.refreshToken !== null;
  }

  async signIn(username: string, password: string): Promise<void> {
    this.forget();
    this.keep(await this.call<Grant>("/auth/token", { username, password }));
  }

  /** Comes in with the secret of an invite's link. */
  async accept(invite: string): Promise<void> {
    this.forget();
    this.keep(await this.call<Grant>("/auth/invite", { invite }));
  }

  signOut(): void {
    // The session ends on the server too; whether it hears of it does not matter here.
    if (this.headers.authorization) void fetch(`${this.base}/auth/logout`, { method: "POST", headers: { ...this.headers } }).catch(() => null);
    this.forget();
  }

  private keep({ access_token, refresh_token, expires_in }: Grant): void {
    this.headers.authorization = `Bearer ${access_token}`;
    this.refreshToken = refresh_token;
    sessionStorage.setItem(KEPT, refresh_token);
    clearTimeout(this.timer);
    // Before it is too old: tiles of a result are read with it as long as the map is open.
    this.timer = setTimeout(() => void this.renew(), Math.min(expires_in * 800, 2 ** 31 - 1));
  }

  private forget(): void {
    clearTimeout(this.timer);
    delete this.headers.authorization;
    this.refreshToken = null;
    sessionStorage.removeItem(KEPT);
  }

  /** Gets the next token, once for all who wait for it. Whether there is one. */
  private renew(): Promise<boolean> {
    this.renewing ??= (async () => {
      try {
        if (!this.refreshToken) return false;
        this.keep(await this.call<Grant>("/auth/token", { refresh_token: this.refreshToken }));
        return true;
      } catch (error) {
        if (!(error instanceof Unreachable)) this.forget();
        return false;
      } finally {
        this.renewing = null;
      }
    })();
    return this.renewing;
  }

  async recipes(): Promise<Recipe[]> {
    const { recipes } = await this.call<{ recipes: Recipe[] }>("/recipes");
    return recipes;
  }

  me(): Promise<Me> {
    return this.call("/me");
  }

  submit(recipe: string, period: string, aoi: AreaOfInterest): Promise<Job> {
    return this.call("/jobs", { recipe, period, aoi });
  }

  job(id: string): Promise<Job> {
    return this.call(`/jobs/${encodeURIComponent(id)}`);
  }

  /** A result's address: the API may name it whole, by path, or by the file's name alone. */
  result(job: Job, file: string): string {
    return new URL(file, new URL(`${this.base}/jobs/${job.id}/results/`, location.href)).href;
  }

  /** Reads a result that is JSON. */
  async read<T>(address: string): Promise<T> {
    const response = await fetch(address, { headers: this.headers });
    if (!response.ok) throw new Error(`The result could not be read (${response.status}).`);
    return (await response.json()) as T;
  }

  private async call<T>(path: string, body?: unknown): Promise<T> {
    const open = path.startsWith("/auth/");
    // After a reload there is a session and no token yet.
    if (!open && this.signedIn && !this.headers.authorization) await this.renew();
    let response = await this.send(path, body);
    if (response.status === 401 && !open && this.signedIn && (await this.renew())) response = await this.send(path, body);
    const json = response.headers.get("content-type")?.includes("json");
    if (response.ok && json) return (await response.json()) as T;
    // A file host without an API behind it answers with its own pages.
    if (!json) throw new Unreachable(`The API answered ${response.status} without a reason.`);
    const problem = (await response.json()) as { title?: string; detail?: string };
    if (response.status === 401 && !open) {
      this.forget();
      throw new Error("Please sign in again.");
    }
    throw new Error(problem.detail ?? problem.title ?? `The API answered ${response.status}.`);
  }

  private async send(path: string, body?: unknown): Promise<Response> {
    try {
      return await fetch(this.base + path, {
        method: body === undefined ? "GET" : "POST",
        headers: { ...this.headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    } catch (cause) {
      throw new Unreachable("The API cannot be reached.", { cause });
    }
  }
}
