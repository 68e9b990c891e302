import { readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import pino, { type DestinationStream } from 'pino';

export interface DailyFileOptions {
  /** Created when it does not exist. */
  readonly folder: string;
  /** A file of a day that lies further back than this is deleted. */
  readonly keepDays: number;
  /** IANA name that says when a day begins; empty for the system's. */
  readonly timeZone: string;
  /** Epoch ms. */
  readonly nowMs: () => number;
  /** Told when a file can no longer be written, at most once a minute; stderr when left out. */
  readonly report?: (problem: string) => void;
}

export interface DailyFile extends DestinationStream {
  /** Writes one line; it is with the operating system when this returns. A failure is reported, not thrown. */
  write(line: string): void;
  end(): void;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** What waits in memory while the disk is full; lines beyond it are dropped. */
const BACKLOG_BYTES = 4 * 1024 * 1024;

/**
 * Opens `switchyard_YYYY-MM-DD.log`, goes on to the next day's file at local midnight, and deletes files that are too
 * old. Lines are appended, so several processes share one file. The day is looked up at the first line of each minute:
 * no time zone begins a day within one, and there is no timer to stop.
 *
 * @throws Error that names `LOG_DIR`, where the folder cannot be written
 */
export function openDailyFile(options: DailyFileOptions): DailyFile {
  const { folder, keepDays, nowMs } = options;
  const days = dayFormat(options.timeZone);
  const report = options.report ?? (problem => process.stderr.write(`${problem}\n`));
  let day = days(nowMs());
  let minute = minuteOf(nowMs());
  let reportedMinute = -1;

  const file = openFirst(join(folder, fileName(day)));
  file.on('error', failed);
  deleteOld();

  function failed(error: unknown): void {
    if (reportedMinute === minute) return;
    reportedMinute = minute;
    report(`Cannot write the log in \`LOG_DIR\` \`${folder}\` (${codeOf(error)})`);
  }

  function turnPage(): void {
    const today = days(nowMs());
    if (today === day) return;
    try {
      file.reopen(join(folder, fileName(today)));
      day = today;
      deleteOld();
    } catch (error) {
      failed(error);
    }
  }

  function deleteOld(): void {
    const oldestMs = Date.parse(day) - keepDays * DAY_MS;
    for (const name of readdirSync(folder)) {
      const named = /^switchyard_(\d{4}-\d{2}-\d{2})\.log$/.exec(name)?.[1];
      if (named === undefined || !(Date.parse(named) < oldestMs)) continue;
      try {
        unlinkSync(join(folder, name));
      } catch (error) {
        // Another process of ours deletes the same files.
        if (codeOf(error) !== 'ENOENT') failed(error);
      }
    }
  }

  return {
    write(line) {
      const currentMinute = minuteOf(nowMs());
      if (currentMinute !== minute) {
        minute = currentMinute;
        turnPage();
      }
      file.write(line);
    },
    end() {
      file.end();
    },
  };
}

/** Synchronous: a line is out before the event that it tells of can end the process. */
function openFirst(path: string): ReturnType<typeof pino.destination> {
  try {
    return pino.destination({ dest: path, append: true, mkdir: true, sync: true, maxLength: BACKLOG_BYTES });
  } catch (error) {
    throw new Error(
      `Expected \`LOG_DIR\` to be a folder that can be written, got ${codeOf(error)} for \`${path}\``,
      {
        cause: error,
      },
    );
  }
}

function fileName(day: string): string {
  return `switchyard_${day}.log`;
}

function minuteOf(epochMs: number): number {
  return Math.floor(epochMs / MINUTE_MS);
}

/** `YYYY-MM-DD` of the local day that holds a moment. */
function dayFormat(timeZone: string): (epochMs: number) => string {
  const format = new Intl.DateTimeFormat('en', {
    ...(timeZone === '' ? {} : { timeZone }),
    calendar: 'iso8601',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  });
  return epochMs => {
    const parts = new Map(format.formatToParts(epochMs).map(part => [part.type, part.value]));
    return `${parts.get('year')}-${parts.get('month')}-${parts.get('day')}`;
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'an unknown error';
}
