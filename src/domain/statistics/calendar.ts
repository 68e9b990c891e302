export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

const MOST_CACHED_DAYS = 1000;

interface Day {
  /** First ms of the day. */
  readonly startMs: number;
  /** First ms of the next day. */
  readonly endMs: number;
}

/**
 * Days and hours of one time zone, as borders of statistics. A day begins at the first instant that carries its date:
 * 00:00, or later where the clocks skip midnight. An hour is counted from the beginning of its day, so hours nest in
 * days in every zone (`Asia/Kolkata` is half an hour off, `Australia/Lord_Howe` shifts by half an hour and has one
 * short hour then).
 */
export class Calendar {
  /** IANA name. */
  readonly timeZone: string;
  readonly #formatter: Intl.DateTimeFormat;
  /** By UTC day number: the local days found in it so far. */
  readonly #days = new Map<number, Day[]>();

  /** @param timeZone IANA name; empty means the system's */
  constructor(timeZone: string) {
    this.#formatter = new Intl.DateTimeFormat('en-US', {
      ...(timeZone === '' ? {} : { timeZone }),
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    this.timeZone = this.#formatter.resolvedOptions().timeZone;
  }

  startOfDayMs(epochMs: number): number {
    return this.#day(epochMs).startMs;
  }

  /** Start of the day after the one that holds `epochMs`. */
  nextDayMs(epochMs: number): number {
    return this.#day(epochMs).endMs;
  }

  startOfHourMs(epochMs: number): number {
    const { startMs } = this.#day(epochMs);
    return epochMs - ((epochMs - startMs) % HOUR_MS);
  }

  /** Start of the hour after the one that holds `epochMs`. */
  nextHourMs(epochMs: number): number {
    return Math.min(this.startOfHourMs(epochMs) + HOUR_MS, this.#day(epochMs).endMs);
  }

  #day(epochMs: number): Day {
    const utcDay = Math.floor(epochMs / DAY_MS);
    const known = this.#days.get(utcDay);
    const found = known?.find(day => day.startMs <= epochMs && epochMs < day.endMs);
    if (found !== undefined) return found;
    const startMs = this.#findStart(epochMs);
    const day = { startMs, endMs: this.#findEnd(startMs) };
    if (known !== undefined) known.push(day);
    else {
      if (this.#days.size >= MOST_CACHED_DAYS) this.#days.clear();
      this.#days.set(utcDay, [day]);
    }
    return day;
  }

  #findStart(epochMs: number): number {
    const { date, sinceMidnightMs } = this.#local(epochMs);
    const midnightMs = epochMs - sinceMidnightMs;
    if (this.#date(midnightMs) === date && this.#date(midnightMs - 1) < date) return midnightMs;
    let beforeMs = epochMs;
    do beforeMs -= DAY_MS;
    while (this.#date(beforeMs) >= date);
    return this.#firstMs(beforeMs, epochMs, date);
  }

  #findEnd(startMs: number): number {
    const date = this.#date(startMs);
    const usualMs = startMs + DAY_MS;
    if (this.#date(usualMs) > date && this.#date(usualMs - 1) === date) return usualMs;
    let afterMs = startMs;
    do afterMs += HOUR_MS;
    while (this.#date(afterMs) <= date);
    return this.#firstMs(afterMs - HOUR_MS, afterMs, date + 1);
  }

  /** First ms in (`lowMs`, `highMs`] whose date is `date` or later. */
  #firstMs(lowMs: number, highMs: number, date: number): number {
    let low = lowMs;
    let high = highMs;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#date(middle) >= date) high = middle;
      else low = middle;
    }
    return high;
  }

  #date(epochMs: number): number {
    return this.#local(epochMs).date;
  }

  /** The local date as the number `yyyymmdd`, and how far the clock on the wall is past 00:00. */
  #local(epochMs: number): { date: number; sinceMidnightMs: number } {
    const local = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 };
    for (const { type, value } of this.#formatter.formatToParts(epochMs)) {
      if (type in local) local[type as keyof typeof local] = Number(value);
    }
    const withinSecondMs = ((epochMs % 1000) + 1000) % 1000;
    return {
      date: local.year * 10_000 + local.month * 100 + local.day,
      sinceMidnightMs: ((local.hour * 60 + local.minute) * 60 + local.second) * 1000 + withinSecondMs,
    };
  }
}

/** First instant of the local day that holds `epochMs`, in the zone with this IANA name (empty: the system's). */
export function startOfDayMs(epochMs: number, timeZone: string): number {
  return new Calendar(timeZone).startOfDayMs(epochMs);
}
