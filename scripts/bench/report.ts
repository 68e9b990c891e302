import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BASELINE,
  CONTESTANTS,
  type ContestantName,
  type Measure,
  type Spread,
  shownValues,
  spreadOf,
  targetMet,
} from './measure.ts';

const ROOT = join(import.meta.dirname, '../..');

const WORDS = {
  en: {
    introduction: `\`npm run bench\` measures Switchyard against other proxies on your machine, side by side in one run, with every
answer checked first. These are medians of one such run, of one process on one core; \`×\` is a multiple of what
\`${BASELINE}\` does or takes. Read the ratios, not the absolute numbers; [how it is measured](docs/benchmarks.md).`,
    measured: 'Measured',
    target: 'Target for Switchyard',
  },
  zh: {
    introduction: `\`npm run bench\` 在你的机器上把 Switchyard 和其他代理放在同一次运行里对比，并先校验每个回答。下表是一次运行的中位数，
每个代理一个进程、一个核心；\`×\` 表示相对 \`${BASELINE}\` 的倍数。请看比值，不要看绝对数字；[测量方法](docs/benchmarks.md)。`,
    measured: '测量项',
    target: 'Switchyard 的目标',
  },
} as const;

/** The table of ratios, in Markdown. */
export function ratioTable(measures: readonly Measure[], language: 'en' | 'zh'): string {
  const names = CONTESTANTS.filter(name =>
    measures.some(measure => shownValues(measure, name) !== undefined),
  );
  const { measured, target } = WORDS[language];
  const rows = measures.map(measure => [
    measure.label[language],
    ...names.map(name => shownCell(measure, name)),
    targetText(measure),
  ]);
  return table([[measured, ...names, target], ...rows]);
}

/** What the ratios come from: medians and the span between the least and the most of all rounds. */
export function absoluteTable(measures: readonly Measure[]): string {
  const names = CONTESTANTS.filter(name => measures.some(({ samples }) => samples.has(name)));
  const rows = measures.map(measure => [
    `${measure.label.en} (${measure.unit})`,
    ...names.map(name => spreadText(measure, name)),
  ]);
  return table([['Median (least–most)', ...names], ...rows]);
}

/** One line for each target. */
export function verdicts(measures: readonly Measure[]): string[] {
  return measures.flatMap(measure => {
    const met = targetMet(measure);
    if (met === undefined) return [];
    const span = spreadOf(shownValues(measure, 'Switchyard')!);
    return [
      `${met ? 'met   ' : 'MISSED'}  ${measure.label.en}: ${spanText(measure, span)}, target ${targetText(measure)}`,
    ];
  });
}

/** What stands between the markers of a README. */
export function readmeSection(measures: readonly Measure[], language: 'en' | 'zh'): string {
  const quoted = measures.filter(measure => measure.quoted);
  return `${WORDS[language].introduction}\n\n${ratioTable(quoted, language)}`;
}

/** Puts `section` between the markers of a README. @throws Error when it has none */
export function withSection(readme: string, section: string): string {
  const markers = /(<!-- bench:start -->\n)[\s\S]*?(\n<!-- bench:end -->)/;
  if (!markers.test(readme)) throw new Error('Expected the README to have the markers of the bench');
  return readme.replace(markers, (_all, start: string, end: string) => `${start}${section}${end}`);
}

/** Puts the table into both READMEs. */
export function updateReadmes(measures: readonly Measure[]): void {
  for (const [file, language] of [
    ['README.md', 'en'],
    ['README.zh-CN.md', 'zh'],
  ] as const) {
    const path = join(ROOT, file);
    writeFileSync(path, withSection(readFileSync(path, 'utf8'), readmeSection(measures, language)));
  }
}

function shownCell(measure: Measure, name: ContestantName): string {
  const values = shownValues(measure, name);
  return values === undefined ? '' : shownNumber(measure, spreadOf(values).median);
}

function shownNumber(measure: Measure, value: number): string {
  return measure.relative ? `${value.toFixed(2)}×` : `${value.toFixed(measure.decimals)} ${measure.unit}`;
}

function spreadText({ samples, decimals }: Measure, name: ContestantName): string {
  const values = samples.get(name);
  if (values === undefined) return '';
  const { median, least, most } = spreadOf(values);
  return `${median.toFixed(decimals)} (${least.toFixed(decimals)}–${most.toFixed(decimals)})`;
}

function spanText(measure: Measure, { median, least, most }: Spread): string {
  const show = (value: number) => shownNumber(measure, value);
  return least === most ? show(median) : `${show(median)} (${show(least)} to ${show(most)})`;
}

function targetText(measure: Measure): string {
  const { target } = measure;
  if (target === undefined) return '';
  return 'atLeast' in target
    ? `≥ ${shownNumber(measure, target.atLeast)}`
    : `≤ ${shownNumber(measure, target.atMost)}`;
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = `|---|${'---:|'.repeat(head.length - 1)}`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}
