import { DEFAULT_POOL, type PoolGroup } from '../../stores/pool-types.ts';
import { groupIdFor, isGroupId, LONGEST_DESCRIPTION, LONGEST_GROUP_NAME } from '../pool/group-text.ts';
import type { Remarks } from './remarks.ts';

const GROUP_FIELDS = ['id', 'name', 'priority', 'description'];

/** The groups of a foreign file under ids that are allowed here. */
export class ForeignGroups {
  readonly #remarks: Remarks;
  /** Id as written in the file → group. */
  readonly #byWritten = new Map<string, PoolGroup>();
  readonly #ids = new Set<string>([DEFAULT_POOL]);

  constructor(value: unknown, remarks: Remarks) {
    this.#remarks = remarks;
    if (value === undefined || value === null) return;
    if (!Array.isArray(value)) {
      remarks.add('`poolGroups` is not a list and left out');
      return;
    }
    for (const item of value) this.#read(item);
  }

  /** The id under which the keys of a group go into the pool; a group that the file does not describe comes last. */
  idOf(written: unknown): string {
    if (typeof written !== 'string' || written.trim() === '') return DEFAULT_POOL;
    const id = written.trim();
    const known = this.#byWritten.get(id);
    if (known !== undefined) return known.id;
    if (id === DEFAULT_POOL) return DEFAULT_POOL;
    this.#remarks.add('a pool group that keys name but the file does not describe is made');
    return this.#add(id, { name: id, priority: undefined, description: '' }).id;
  }

  used(): PoolGroup[] {
    return [...this.#byWritten.values()];
  }

  #read(item: unknown): void {
    const fields = typeof item === 'object' && item !== null ? (item as Record<string, unknown>) : {};
    if (typeof fields.id !== 'string' || fields.id.trim() === '' || this.#byWritten.has(fields.id.trim())) {
      this.#remarks.add('a pool group without an id of its own is left out');
      return;
    }
    this.#remarks.unknownFields('poolGroups[].', fields, GROUP_FIELDS);
    this.#add(fields.id.trim(), {
      name: typeof fields.name === 'string' ? fields.name.trim() : '',
      priority: fields.priority,
      description: typeof fields.description === 'string' ? fields.description.trim() : '',
    });
  }

  #add(written: string, words: { name: string; priority: unknown; description: string }): PoolGroup {
    const id = isGroupId(written) ? written : groupIdFor(words.name, this.#ids);
    if (id !== written) this.#remarks.add('a pool group gets another id: its own may not be one here');
    const highest = Math.max(0, ...[...this.#byWritten.values()].map(group => group.priority));
    const { priority } = words;
    const group = {
      id,
      name: (words.name || written).slice(0, LONGEST_GROUP_NAME),
      priority: Number.isSafeInteger(priority) && Number(priority) >= 1 ? Number(priority) : highest + 1,
      description: words.description.slice(0, LONGEST_DESCRIPTION),
    };
    this.#ids.add(id);
    this.#byWritten.set(written, group);
    return group;
  }
}
