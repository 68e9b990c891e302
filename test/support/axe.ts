import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = {
  all: {
    type: 'tag',
    values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  },
  colors: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] },
};

/**
 * Lets axe-core judge the page as it is now.
 *
 * @param rules `colors` for a scene that was judged in the other theme already: nothing else differs
 */
export async function examine(
  t: ExecutionContext,
  page: Page,
  { scene, rules = 'all' }: { scene: string; rules?: keyof typeof RULES },
): Promise<void> {
  await page.evaluate(axeSource);
  const violations = await page.evaluate<string[]>(`
    axe.run(document, { runOnly: ${JSON.stringify(RULES[rules])} }).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) =>
        nodes.map(node => id + ': ' + node.target.join(' ') + ' ' + (node.any[0]?.message ?? node.failureSummary))))
  `);
  t.deepEqual(violations, [], scene);
}
