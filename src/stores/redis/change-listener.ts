import type { Log } from '../../base/log.ts';
import type { RedisAddress } from './redis-address.ts';
import { RedisLink } from './redis-link.ts';

interface Watch {
  readonly channels: readonly string[];
  readonly onHint: () => void;
}

/**
 * Hears what is published on channels, over a second connection that is opened by the first watch and shared by all.
 * Whatever happened before a subscription was there is covered by a hint when it is.
 */
export class ChangeListener {
  readonly #open: () => RedisLink;
  readonly #log: Log;
  readonly #watches = new Set<Watch>();
  /** Channels that the connection of now has, or is about to have. */
  readonly #subscribed = new Set<string>();
  #link: RedisLink | undefined;

  constructor(address: RedisAddress, { log }: { log: Log }) {
    this.#open = () => new RedisLink(address, { log, name: 'watch', level: 'debug' });
    this.#log = log;
  }

  /** @returns ends the watch */
  watch(channels: readonly string[], onHint: () => void): () => void {
    const watch = { channels, onHint };
    this.#watches.add(watch);
    if (this.#link === undefined) this.#link = this.#listen();
    else if (this.#link.client.status === 'ready') this.#subscribe(this.#link, channels);
    return () => this.#watches.delete(watch);
  }

  async close(): Promise<void> {
    await this.#link?.close();
  }

  #listen(): RedisLink {
    const link = this.#open();
    link.client.on('message', (channel: string) => this.#tell([channel]));
    link.client.on('ready', () => {
      this.#subscribed.clear();
      this.#subscribe(
        link,
        [...this.#watches].flatMap(({ channels }) => channels),
      );
    });
    return link;
  }

  #subscribe(link: RedisLink, channels: readonly string[]): void {
    const wanted = [...new Set(channels)].filter(channel => !this.#subscribed.has(channel));
    if (wanted.length === 0) return;
    for (const channel of wanted) this.#subscribed.add(channel);
    link
      .run(client => client.subscribe(...wanted))
      .then(
        () => this.#tell(wanted),
        (error: unknown) => {
          for (const channel of wanted) this.#subscribed.delete(channel);
          this.#log.debug({ err: error }, 'Redis: no subscription to changes; they are found by comparison');
        },
      );
  }

  #tell(channels: readonly string[]): void {
    for (const watch of this.#watches) {
      if (watch.channels.some(channel => channels.includes(channel))) watch.onHint();
    }
  }
}
