import { monitorEventLoopDelay } from 'node:perf_hooks';

type DelayHistogram = ReturnType<typeof monitorEventLoopDelay>;

const INTERVAL_MS = 10_000;
/** How often the event loop is asked whether it is on time. */
const RESOLUTION_MS = 20;

/** How one process is doing. Plain data, so that workers can send it to each other. */
export interface ProcessFigures {
  /** Resident memory. */
  readonly residentBytes: number;
  /** How late the event loop ran: 99th percentile over the last 10 s, in ms. */
  readonly eventLoopDelayMs: number;
}

/** Watches the event loop of this process from `start` to `stop`; keeps no process alive. */
export class ProcessSampler {
  #histogram: DelayHistogram | undefined;
  #timer: NodeJS.Timeout | undefined;
  #delayMs: number | undefined;

  start(): void {
    const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    histogram.enable();
    this.#histogram = histogram;
    this.#timer = setInterval(() => {
      this.#delayMs = delayMs(histogram);
      histogram.reset();
    }, INTERVAL_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#histogram?.disable();
  }

  sample(): ProcessFigures {
    const running = this.#histogram === undefined ? 0 : delayMs(this.#histogram);
    return { residentBytes: process.memoryUsage.rss(), eventLoopDelayMs: this.#delayMs ?? running };
  }
}

/** The histogram holds times between two looks, so a loop that is never late shows `RESOLUTION_MS`. */
function delayMs(histogram: DelayHistogram): number {
  return histogram.count === 0 ? 0 : Math.max(0, histogram.percentile(99) / 1e6 - RESOLUTION_MS);
}
