import type { TestProgress } from '../domain/pool/test-run.ts';

/** A run of tests as the API shows it. */
export function shownProgress(progress: TestProgress): Omit<TestProgress, 'endedAtMs'> & {
  readonly endedAtMs: number | null;
} {
  return { ...progress, endedAtMs: progress.endedAtMs ?? null };
}
