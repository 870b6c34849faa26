// "My areas": the jobs that were asked for in this browser, kept there and nowhere else.

export interface Mine {
  /** The job. */
  id: string;
  title: string;
  period: string;
  km2: number;
  /** When it was asked for, as an ISO date. */
  asked: string;
}

const KEY = "geocrop-areas";
/** Results expire; older ones would be names without maps. */
const MOST = 20;

export function mine(): Mine[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? (kept as Mine[]).filter((area) => typeof area?.id === "string") : [];
  } catch {
    // Storage may be forbidden, or hold what another program wrote.
    return [];
  }
}

export function keep(area: Mine): void {
  write([area, ...mine().filter((other) => other.id !== area.id)].slice(0, MOST));
}

export function drop(id: string): void {
  write(mine().filter((area) => area.id !== id));
}

function write(areas: Mine[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(areas));
  } catch {
    // A full or forbidden storage costs the list and nothing else.
  }
}
