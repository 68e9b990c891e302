import test from 'ava';
import { MappingTable } from '../../src/domain/mappings.ts';
import { WELL_KNOWN_MAPPINGS } from '../../src/domain/well-known.ts';

test('each well-known vendor is a valid mapping to a bare https host', t => {
  const table = MappingTable.from(WELL_KNOWN_MAPPINGS);
  t.deepEqual(table.skipped, []);
  t.true(table.size >= 16);
  for (const { prefix, target } of table.values()) t.true(target.tls && target.basePath === '', prefix);
});

test('the four that everybody asks for are among them', t => {
  t.is(WELL_KNOWN_MAPPINGS.get('/openai'), 'https://api.openai.com');
  t.is(WELL_KNOWN_MAPPINGS.get('/claude'), 'https://api.anthropic.com');
  t.is(WELL_KNOWN_MAPPINGS.get('/gemini'), 'https://generativelanguage.googleapis.com');
  t.is(WELL_KNOWN_MAPPINGS.get('/xai'), 'https://api.x.ai');
});
