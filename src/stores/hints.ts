/** Those who want to be told that something may have changed. */
export interface Hints {
  /** Calls every watcher. */
  tell(): void;
  /** Passes the result of a write on and tells the watchers of it. A write that failed is not told of. */
  after<T>(write: Promise<T>): Promise<T>;
  /** @returns ends the watch */
  watch(onHint: () => void): () => void;
  readonly isWatched: boolean;
}

export function createHints(): Hints {
  const watchers = new Set<() => void>();
  function tell(): void {
    for (const watcher of watchers) watcher();
  }
  return {
    tell,
    async after(write) {
      const result = await write;
      tell();
      return result;
    },
    watch(onHint) {
      // A function of its own, so that one callback given twice is watched, and ended, twice.
      const watcher = () => onHint();
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    get isWatched() {
      return watchers.size > 0;
    },
  };
}
