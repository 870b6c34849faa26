// What was used last, by name: a small cache that forgets what has not been asked for longest.

export class Recent<T extends Promise<unknown>> {
  private readonly kept = new Map<string, T>();

  constructor(private readonly most: number) {}

  /** The value of `key`, made when it is not there; one that failed is not kept. */
  get(key: string, make: () => T): T {
    const value = this.kept.get(key) ?? make();
    this.kept.delete(key);
    this.kept.set(key, value);
    value.catch(() => this.kept.get(key) === value && this.kept.delete(key));
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= this.most) break;
      this.kept.delete(oldest);
    }
    return value;
  }
}
