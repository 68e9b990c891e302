import test from 'ava';
import { loggablePath } from '../../src/base/log.ts';

test('a logged path loses its query, where keys may stand', t => {
  t.is(loggablePath('/gemini/v1/models?key=AIza-needle&alt=sse'), '/gemini/v1/models?…');
  t.is(loggablePath('/a?b?c'), '/a?…');
});

test('a path without a query is logged as it is', t => {
  t.is(loggablePath('/openai/v1/%2e%2e'), '/openai/v1/%2e%2e');
  t.is(loggablePath('*'), '*');
  t.is(loggablePath(''), '');
});
