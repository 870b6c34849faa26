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
    /** Of a day; without a limit any number. */
    jobs: { used: number; limit: number | null };
    max_area_km2: number;
  };
}

/** The API cannot be reached at all, which is no fault of what was asked. */
export class Unreachable extends Error {}

export class Api {
  private token: string | null = sessionStorage.getItem("geocrop-token");

  constructor(private readonly base: string) {}

  get signedIn(): boolean {
    return this.token !== null;
  }

  get headers(): Record<string, string> {
    return this.token ? { authorization: `Bearer ${this.token}` } : {};
  }

  async signIn(username: string, password: string): Promise<void> {
    this.signOut();
    const { access_token } = await this.call<{ access_token: string }>("/auth/token", { username, password });
    this.token = access_token;
    sessionStorage.setItem("geocrop-token", access_token);
  }

  signOut(): void {
    this.token = null;
    sessionStorage.removeItem("geocrop-token");
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
    let response: Response;
    try {
      response = await fetch(this.base + path, {
        method: body === undefined ? "GET" : "POST",
        headers: { ...this.headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    } catch (cause) {
      throw new Unreachable("The API cannot be reached.", { cause });
    }
    const json = response.headers.get("content-type")?.includes("json");
    if (response.ok && json) return (await response.json()) as T;
    // A file host without an API behind it answers with its own pages.
    if (!json) throw new Unreachable(`The API answered ${response.status} without a reason.`);
    const problem = (await response.json()) as { title?: string; detail?: string };
    if (response.status === 401 && path !== "/auth/token") {
      this.signOut();
      throw new Error("Please sign in again.");
    }
    throw new Error(problem.detail ?? problem.title ?? `The API answered ${response.status}.`);
  }
}
