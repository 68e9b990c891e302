import test from 'ava';
import { isPoolCopy, poolCopyText } from '../../../src/domain/pool/pool-copy.ts';
import { storedKey } from './support.ts';

for (const count of [0, 1, 500, 501, 1700]) {
  test(`the pieces of a copy of ${count} keys are its JSON`, t => {
    const copy = {
      records: Array.from({ length: count }, (_, index) => storedKey(`k${index}`, { notes: '"],[ 中文' })),
      groups: [{ id: 'default', name: 'default', priority: 1, description: '' }],
      settings: [['a', { b: [1] }] as const],
    };
    const pieces = [...poolCopyText(copy)];
    const read: unknown = JSON.parse(pieces.join(''));
    t.deepEqual(read, copy);
    t.true(isPoolCopy(read));
    t.is(pieces.length, 2 + Math.ceil(count / 500));
  });
}
