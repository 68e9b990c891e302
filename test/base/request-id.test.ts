import test from 'ava';
import { nextRequestId } from '../../src/base/request-id.ts';

test('request ids are unique and fit into a header field', t => {
  const ids = Array.from({ length: 10_000 }, nextRequestId);
  t.is(new Set(ids).size, ids.length);
  for (const id of ids) if (!/^[0-9a-z-]{8,40}$/.test(id)) t.fail(id);
});
