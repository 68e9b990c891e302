import { EventEmitter, on } from 'node:events';
import { type Logger, pino } from 'pino';

/** A logger whose lines a test can look at, or wait for. */
export interface CapturedLog {
  readonly log: Logger;
  /** Each line as JSON text. */
  readonly lines: string[];
  /** The first line, written already or yet to come, that holds `text`. */
  line(text: string): Promise<string>;
}

export function capturedLog(): CapturedLog {
  const lines: string[] = [];
  const events = new EventEmitter().setMaxListeners(0);
  const log = pino(
    { level: 'trace' },
    {
      write(line: string) {
        lines.push(line);
        events.emit('line', line);
      },
    },
  );
  return {
    log,
    lines,
    async line(text) {
      const coming = on(events, 'line');
      const written = lines.find(line => line.includes(text));
      if (written !== undefined) {
        await coming.return?.();
        return written;
      }
      for await (const [line] of coming) {
        if (String(line).includes(text)) return String(line);
      }
      throw new Error('Expected a line');
    },
  };
}
