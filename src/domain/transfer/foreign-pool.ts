import type { PoolGroup } from '../../stores/pool-types.ts';
import type { LineDraft, LineProblem } from './add-keys.ts';

/** What a file of another program holds, in our words. Nothing in it but the drafts holds a key. */
export interface ForeignPool {
  readonly groups: readonly PoolGroup[];
  /** `line` is the place in the file's list of keys, or the line of a text. */
  readonly drafts: readonly LineDraft[];
  /** Keys that cannot be taken. */
  readonly refused: readonly LineProblem[];
  /** Settings, each as the body of `PUT /admin/config` would have it. */
  readonly settings: readonly Readonly<Record<string, unknown>>[];
  /** For the operator: what was not understood, or is taken otherwise than it was written. */
  readonly remarks: readonly string[];
}
