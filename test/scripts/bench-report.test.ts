import test from 'ava';
import { CHAT_BODY } from '../../scripts/bench/chat-request.ts';
import {
  type ContestantName,
  type Measure,
  orderOfRound,
  shownValues,
  spreadOf,
  targetMet,
} from '../../scripts/bench/measure.ts';
import { BodyCheck, bodyPieces } from '../../scripts/bench/programs/body-plan.ts';
import { requestParser } from '../../scripts/bench/programs/request-parser.ts';
import { ratioTable, readmeSection, verdicts, withSection } from '../../scripts/bench/report.ts';

function measureOf(samples: [ContestantName, number[]][], more: Partial<Measure> = {}): Measure {
  const label = { en: 'requests', zh: '请求' };
  const shape = { label, unit: 'requests/s', decimals: 0, relative: true, quoted: true };
  return { ...shape, samples: new Map(samples), ...more };
}

test('a ratio is taken within a round, so that a slow phase of the machine cancels out', t => {
  const measure = measureOf([
    ['Switchyard', [300, 30, 3000]],
    ['http-proxy-3', [100, 10, 1000]],
  ]);
  t.deepEqual(shownValues(measure, 'Switchyard'), [3, 3, 3]);
  t.is(shownValues(measure, 'nginx'), undefined);
});

test('without the baseline a relative measure shows nothing', t => {
  t.is(shownValues(measureOf([['Switchyard', [1]]]), 'Switchyard'), undefined);
});

test('the spread is the median between the least and the most', t => {
  t.deepEqual(spreadOf([9, 1, 4]), { median: 4, least: 1, most: 9 });
  t.is(spreadOf([1, 2]).median, 1.5);
});

test('a target is met at its border and missed beyond it', t => {
  const samples: [ContestantName, number[]][] = [
    ['Switchyard', [250]],
    ['http-proxy-3', [100]],
  ];
  t.true(targetMet(measureOf(samples, { target: { atLeast: 2.5 } })));
  t.false(targetMet(measureOf(samples, { target: { atLeast: 2.51 } })));
  t.true(targetMet(measureOf(samples, { target: { atMost: 250 }, relative: false })));
  t.false(targetMet(measureOf(samples, { target: { atMost: 249 }, relative: false })));
  t.is(targetMet(measureOf(samples)), undefined);
  t.regex(verdicts([measureOf(samples, { target: { atLeast: 2.51 } })]).join(), /^MISSED/);
});

test('every other round goes backwards', t => {
  t.deepEqual(orderOfRound(['a', 'b', 'c'], 0), ['a', 'b', 'c']);
  t.deepEqual(orderOfRound(['a', 'b', 'c'], 1), ['c', 'b', 'a']);
});

test('the table has a column for each contestant that took part, and no other', t => {
  const table = ratioTable(
    [
      measureOf([
        ['nginx', [200]],
        ['http-proxy-3', [100]],
      ]),
    ],
    'en',
  );
  t.is(table.split('\n')[0], '| Measured | http-proxy-3 | nginx | Target for Switchyard |');
  t.is(table.split('\n')[2], '| requests | 1.00× | 2.00× |  |');
});

test('both READMEs quote the same rows, name the same code and link to the same page', t => {
  const measures = [
    measureOf([['http-proxy-3', [1]]]),
    measureOf([['http-proxy-3', [1]]], { quoted: false }),
  ];
  const [en, zh] = [readmeSection(measures, 'en'), readmeSection(measures, 'zh')];
  for (const pattern of [/^\|/gm, /`[^`\n]+`/g, /\]\([^)]+\)/g]) {
    t.deepEqual(
      new Set(en.match(pattern)!),
      new Set(zh.match(pattern)!),
      `both sections have the same ${pattern}`,
    );
  }
  t.is(en.match(/^\|/gm)!.length, 3, 'a row that is not quoted stays out');
});

test('a section replaces what stands between the markers, dollar signs and all', t => {
  const readme = 'a\n<!-- bench:start -->\nold\n<!-- bench:end -->\nb\n';
  t.is(withSection(readme, 'new $1'), 'a\n<!-- bench:start -->\nnew $1\n<!-- bench:end -->\nb\n');
  t.throws(() => withSection('a\nb\n', 'new'), { message: /markers/ });
});

test('the chat has about 200 bytes', t => {
  t.true(CHAT_BODY.length > 180 && CHAT_BODY.length < 220, String(CHAT_BODY.length));
});

test('a body in any pieces passes the check, one that lost a piece does not', t => {
  const whole = Buffer.concat([...bodyPieces(700_001)]);
  t.is(whole.length, 700_001);
  const check = new BodyCheck();
  for (let at = 0; at < whole.length; at += 99_991) check.take(whole.subarray(at, at + 99_991));
  t.is(check.bytes, 700_001);
  t.true(check.intact);
  const holed = new BodyCheck();
  holed.take(whole.subarray(0, 1000));
  holed.take(whole.subarray(1001));
  t.false(holed.intact);
});

test('an origin takes requests that come in halves or together', t => {
  const seen: string[] = [];
  const take = requestParser(({ path, body }) => seen.push(`${path} ${body}`));
  const one = 'POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc';
  take(Buffer.from(one.slice(0, 30)));
  take(Buffer.from(`${one.slice(30)}GET /b HTTP/1.1\r\nHost: x\r\n\r\n${one.slice(0, -1)}`));
  take(Buffer.from('c'));
  t.deepEqual(seen, ['/a abc', '/b ', '/a abc']);
});
