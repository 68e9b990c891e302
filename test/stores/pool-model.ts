import test from 'ava';
import fc from 'fast-check';
import type { PoolStores, Rest, StoredKey, StoredStatus } from '../../src/stores/pool-types.ts';
import type { PrepareStore } from './contract.ts';
import { keyOf, listed, Reader } from './pool-keys.ts';

const GROUPS = ['default', 'a', 'b'];
const STATUSES: StoredStatus[] = ['active', 'disabled', 'banned'];

const number = fc.integer({ min: 0, max: 7 });
const print = fc.integer({ min: 0, max: 5 }).map(value => `print-${value}`);
const status = fc.constantFrom(...STATUSES);
const group = fc.constantFrom(...GROUPS);

const step = fc.oneof(
  fc.record({
    verb: fc.constant('add' as const),
    keys: fc.array(fc.record({ number, fingerprint: print, status, pool: group }), { maxLength: 4 }),
  }),
  fc.record({
    verb: fc.constant('update' as const),
    number,
    patch: fc.record(
      {
        status,
        fingerprint: print,
        pool: group,
        notes: fc.string({ unit: 'binary', maxLength: 8 }),
        baseUrl: fc.option(fc.constant('https://x.example')),
        quotaTokens: fc.option(fc.maxSafeNat()),
      },
      { requiredKeys: [] },
    ),
    onlyIf: fc.option(status, { nil: undefined }),
  }),
  fc.record({ verb: fc.constant('remove' as const), numbers: fc.array(number, { maxLength: 3 }) }),
  fc.record({ verb: fc.constant('remove status' as const), status }),
  fc.record({ verb: fc.constant('put group' as const), id: group }),
  fc.record({ verb: fc.constant('remove group' as const), id: group }),
  fc.record({ verb: fc.constant('read' as const), limit: fc.integer({ min: 1, max: 4 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** What plain maps hold after the same steps. */
class Model {
  readonly keys = new Map<string, StoredKey>();
  readonly groups = new Set(['default']);

  /** What the store has to answer. */
  apply(action: Step): unknown {
    switch (action.verb) {
      case 'add': {
        const added: string[] = [];
        for (const { number, ...fields } of action.keys) {
          const key = keyOf(number, fields);
          if (this.keys.has(key.id) || this.#ownerOf(key.fingerprint) !== undefined) continue;
          this.keys.set(key.id, key);
          added.push(key.id);
        }
        return added;
      }
      case 'update': {
        const id = `key-${action.number}`;
        const key = this.keys.get(id);
        if (key === undefined) return 'missing';
        if (action.onlyIf !== undefined && key.status !== action.onlyIf) return 'changed';
        const { fingerprint } = action.patch;
        if (fingerprint !== undefined && ![undefined, id].includes(this.#ownerOf(fingerprint)))
          return 'duplicate';
        const next = Object.entries({ ...key, ...action.patch }).filter(([, value]) => value !== null);
        this.keys.set(id, Object.fromEntries(next) as unknown as StoredKey);
        return 'updated';
      }
      case 'remove':
        return [...new Set(action.numbers.map(number => `key-${number}`))].filter(id => this.keys.delete(id));
      case 'remove status': {
        const ids = [...this.keys.values()].filter(key => key.status === action.status).map(({ id }) => id);
        for (const id of ids) this.keys.delete(id);
        return ids.length;
      }
      case 'put group':
        this.groups.add(action.id);
        return undefined;
      case 'remove group': {
        if (action.id === 'default' || !this.groups.delete(action.id)) return undefined;
        const moved = [...this.keys.values()].filter(({ pool }) => pool === action.id);
        for (const key of moved) this.keys.set(key.id, { ...key, pool: 'default' });
        return moved.length;
      }
      case 'read':
        return undefined;
    }
  }

  #ownerOf(fingerprint: string): string | undefined {
    return [...this.keys.values()].find(key => key.fingerprint === fingerprint)?.id;
  }
}

async function perform({ keys, groups }: PoolStores, reader: Reader, action: Step): Promise<unknown> {
  switch (action.verb) {
    case 'add':
      return keys.add(action.keys.map(({ number, ...fields }) => keyOf(number, fields)));
    case 'update':
      return keys.update(`key-${action.number}`, action.patch, action.onlyIf);
    case 'remove':
      return keys.remove(action.numbers.map(number => `key-${number}`));
    case 'remove status':
      return keys.removeByStatus(action.status);
    case 'put group':
      return groups.put({ id: action.id, name: action.id, priority: 1, description: '' });
    case 'remove group':
      return groups.remove(action.id);
    case 'read':
      await reader.follow(action.limit);
      return undefined;
  }
}

/** The stores against plain maps, step by step. Nothing is shrunk: the runs go on with what the ones before left. */
export function poolModelContract(name: string, prepare: PrepareStore): void {
  test(`${name}: any sequence of writes of keys and groups leaves what plain maps hold, and readers learn it`, async t => {
    const again = await prepare(t);
    const [one, two] = (await Promise.all([again(), again()])).map(({ pool }) => pool);
    const model = new Model();
    const reader = new Reader(two!.keys);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), step), { maxLength: 20 }), async steps => {
        for (const [second, action] of steps) {
          t.deepEqual(await perform(second ? two! : one!, reader, action), model.apply(action));
        }
        await reader.follow(3);
        t.deepEqual(listed(reader.records), listed(model.keys));
        t.deepEqual(listed((await new Reader(one!.keys).follow(2)).records), listed(model.keys));
        t.deepEqual((await one!.groups.readAll()).map(({ id }) => id).sort(), [...model.groups].sort());
      }),
      { numRuns: 40, endOnFailure: true },
    );
    t.is(reader.startedOver, 0);
  });

  test(`${name}: any sequence of cool-downs leaves the latest end of each`, async t => {
    const again = await prepare(t);
    const stores = (await Promise.all([again(), again()])).map(({ pool }) => pool.rests);
    const keyId = fc.constantFrom('k', 'k1', '"');
    const model = fc.constantFrom('*', 'gpt', 'o"');
    const action = fc.oneof(
      fc.record({
        verb: fc.constant('rest' as const),
        keyId,
        model,
        forMs: fc.integer({ min: -2, max: 40 }),
      }),
      fc.record({ verb: fc.constant('wake' as const), keyId }),
      fc.record({ verb: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 20 }) }),
    );
    const held = new Map<string, Rest>();
    let nowMs = 1_763_000_000_000;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat({ max: 1 }), action), { maxLength: 25 }), async steps => {
        for (const [instance, each] of steps) {
          const rests = stores[instance]!;
          if (each.verb === 'pass') nowMs += each.ms;
          if (each.verb === 'wake') {
            await rests.wake(each.keyId);
            for (const [name, rest] of held) if (rest.keyId === each.keyId) held.delete(name);
          }
          if (each.verb === 'rest') {
            const rest = { keyId: each.keyId, model: each.model, untilMs: nowMs + each.forMs };
            await rests.rest(rest, nowMs);
            const known = held.get(`${rest.keyId} ${rest.model}`);
            if (known === undefined || known.untilMs < rest.untilMs)
              held.set(`${rest.keyId} ${rest.model}`, rest);
          }
          const expected = [...held.values()].filter(({ untilMs }) => untilMs > nowMs);
          for (const reader of stores) t.deepEqual(sorted(await reader.readAll(nowMs)), sorted(expected));
        }
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });
}

function sorted(rests: readonly Rest[]): string[] {
  return rests.map(rest => JSON.stringify([rest.keyId, rest.model, rest.untilMs])).sort();
}
