import { randomBytes } from 'node:crypto';
import test from 'ava';
import { AppError } from '../../../src/base/errors.ts';
import { addKeys, type LineDraft } from '../../../src/domain/transfer/add-keys.ts';
import type { NewKey } from '../../../src/stores/pool-types.ts';
import { createSealer } from '../../../src/stores/sealing.ts';

const COUNT = 4_500;
const STEP = 2_000;

function draftsOf(texts: readonly string[]): LineDraft[] {
  return texts.map((text, index) => ({
    line: index + 1,
    draft: {
      text,
      provider: 'openai',
      pool: 'default',
      notes: '',
      status: 'active',
      statusReason: '',
      statusAtMs: 1,
      createdAtMs: 1,
    },
  }));
}

const TEXTS = Array.from({ length: COUNT }, (_, index) => `sk-${index}`);

test('many keys are stored in steps, in order, and each opens', async t => {
  const sealer = createSealer({ current: randomBytes(32) });
  const steps: (readonly NewKey[])[] = [];
  const progress: number[] = [];
  const report = await addKeys(draftsOf(TEXTS), {
    store: {
      add: async keys => {
        steps.push(keys);
        return keys.map(({ id }) => id);
      },
    },
    sealer,
    onProgress: done => progress.push(done),
  });
  t.deepEqual(report, { taken: COUNT, duplicates: [] });
  t.deepEqual(progress, [STEP, 2 * STEP, COUNT]);
  t.deepEqual(
    steps.flat().map(({ id, sealed }) => sealer.open(id, sealed)),
    TEXTS,
  );
});

test('while the store takes a step the next is sealed, and no step overtakes another', async t => {
  const sealer = createSealer({ current: randomBytes(32) });
  const log: string[] = [];
  let sealed = 0;
  await addKeys(draftsOf(TEXTS), {
    store: {
      add: async keys => {
        log.push(`begin ${sealed}`);
        // The store answers when the next step is sealed, so this never ends where that waits for it.
        const next = Math.min(COUNT, sealed + STEP);
        while (sealed < next) await new Promise(resolve => setImmediate(resolve));
        log.push('end');
        return keys.map(({ id }) => id);
      },
    },
    sealer: {
      ...sealer,
      seal: (id, text) => {
        sealed += 1;
        return sealer.seal(id, text);
      },
    },
  });
  t.deepEqual(log, ['begin 2000', 'end', 'begin 4000', 'end', 'begin 4500', 'end']);
});

test('a key that stands twice, or is stored already, is told by its line, whichever step it is in', async t => {
  const sealer = createSealer({ current: randomBytes(32) });
  const texts = [...TEXTS.slice(0, STEP), 'sk-0', 'sk-stored', ...TEXTS.slice(STEP)];
  const stored = sealer.fingerprint('sk-stored');
  const { taken, duplicates } = await addKeys(draftsOf(texts), {
    store: { add: async keys => keys.filter(key => key.fingerprint !== stored).map(({ id }) => id) },
    sealer,
  });
  t.is(taken, COUNT);
  t.deepEqual(duplicates, [
    { line: STEP + 1, code: 'ERR_DUPLICATE', message: 'The same key stands in 1 already' },
    { line: STEP + 2, code: 'ERR_DUPLICATE', message: 'The pool has this key already' },
  ]);
});

test('a store that goes away ends it with what was stored so far', async t => {
  const progress: number[] = [];
  const away = addKeys(draftsOf(TEXTS), {
    store: {
      add: async keys => {
        if (progress.length === 1) throw new AppError('ERR_STORE_UNAVAILABLE', 'away');
        return keys.map(({ id }) => id);
      },
    },
    sealer: createSealer({ current: randomBytes(32) }),
    onProgress: done => progress.push(done),
  });
  await t.throwsAsync(away, { code: 'ERR_STORE_UNAVAILABLE' });
  t.deepEqual(progress, [STEP]);
});
