import type { Writable } from 'node:stream';
import pino from 'pino';
import pretty from 'pino-pretty';
import { type Log, REDACTED_PATHS } from '../base/log.ts';
import { openDailyFile } from './daily-log.ts';

/** The settings that shape the log. */
export interface LogSettings {
  readonly nodeEnv: 'production' | 'development' | 'test';
  readonly logDir: string;
  readonly logLevel: string;
  readonly logKeepDays: number;
  readonly timeZone: string;
}

export interface LogSurroundings {
  /** Epoch ms. */
  readonly nowMs?: () => number;
  /** Where lines are shown; the process's stdout when left out. */
  readonly stdout?: Writable;
}

/** What waits in memory while nobody reads stdout; lines beyond it are dropped rather than the proxy stopped. */
const BACKLOG_BYTES = 4 * 1024 * 1024;

/**
 * The log of this process. In production JSON lines go to the daily file and to stdout; else lines for people go to
 * stdout alone. What stdout has not taken yet is written when the process exits.
 *
 * @throws Error that names `LOG_DIR`, where the folder cannot be written
 */
export function createLog(settings: LogSettings, surroundings: LogSurroundings = {}): Log {
  const options: pino.LoggerOptions = {
    level: settings.logLevel,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: REDACTED_PATHS, censor: '***' },
  };
  if (settings.nodeEnv !== 'production') return pino(options, forPeople(surroundings.stdout));
  const file = openDailyFile({
    folder: settings.logDir,
    keepDays: settings.logKeepDays,
    timeZone: settings.timeZone,
    nowMs: surroundings.nowMs ?? Date.now,
  });
  const stdout = surroundings.stdout ?? pino.destination({ dest: 1, sync: false, maxLength: BACKLOG_BYTES });
  // `trace` lets every line through here: the logger's own level, which can be changed, decides alone.
  return pino(
    options,
    pino.multistream([
      { stream: file, level: 'trace' },
      { stream: stdout, level: 'trace' },
    ]),
  );
}

function forPeople(stdout: Writable | undefined): pino.DestinationStream {
  return pretty({
    colorize: stdout === undefined && process.stdout.isTTY === true,
    destination: stdout ?? 1,
    sync: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname',
  });
}
