import test from 'ava';
import { ProcessSampler } from '../../../src/domain/statistics/performance.ts';

test('a loop that was held up shows as delay, and resident memory is told', async t => {
  const sampler = new ProcessSampler();
  t.is(sampler.sample().eventLoopDelayMs, 0);
  sampler.start();
  t.teardown(() => sampler.stop());
  // A sample exists once the histogram's timer ran late; looks are repeated until it did.
  while (sampler.sample().eventLoopDelayMs < 30) {
    await new Promise(resolve => setTimeout(resolve, 25));
    const blockedFromMs = performance.now();
    while (performance.now() - blockedFromMs < 60);
  }
  t.true(sampler.sample().residentBytes > 1_000_000);
});
