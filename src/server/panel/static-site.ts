import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { type Coding, compressed, WORTH_BYTES } from './compress.ts';
import { neededModules } from './module-graph.ts';

/** Media types of what a static folder may hold; a file of another kind is not served. */
const TYPES: ReadonlyMap<string, { type: string; text: boolean }> = new Map([
  ['.html', { type: 'text/html; charset=utf-8', text: true }],
  ['.js', { type: 'text/javascript; charset=utf-8', text: true }],
  ['.css', { type: 'text/css; charset=utf-8', text: true }],
  ['.svg', { type: 'image/svg+xml', text: true }],
  ['.json', { type: 'application/json', text: true }],
  ['.txt', { type: 'text/plain; charset=utf-8', text: true }],
  ['.png', { type: 'image/png', text: false }],
  ['.woff2', { type: 'font/woff2', text: false }],
]);

/** A file held in memory. Each coding of it is made when it is first asked for and then kept. */
export class StaticFile {
  readonly type: string;
  readonly etag: string;
  readonly #content: Buffer;
  readonly #codings = new Map<Coding, Promise<Buffer>>();
  readonly compressible: boolean;

  constructor(name: string, content: Buffer) {
    const known = TYPES.get(extname(name));
    this.type = known?.type ?? 'application/octet-stream';
    this.compressible = known?.text === true && content.length >= WORTH_BYTES;
    // Weak, because the same tag stands for every coding of the file (RFC 9110 §8.8.1).
    this.etag = `W/"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
    this.#content = content;
  }

  async body(coding: Coding): Promise<Buffer> {
    if (coding === 'identity') return this.#content;
    let made = this.#codings.get(coding);
    if (made === undefined) {
      made = compressed(this.#content, coding, 'kept');
      this.#codings.set(coding, made);
    }
    return await made;
  }
}

export interface StaticSite {
  /** 16 hex digits that change with any byte of any asset; part of their addresses. */
  readonly hash: string;
  /** By path under `assets/`, with `/` between folders. Held in a map, so no path can lead out of the folder. */
  readonly assets: ReadonlyMap<string, StaticFile>;
  readonly panelPage: StaticFile;
  readonly consolePage: StaticFile;
  readonly statusPage: StaticFile | undefined;
}

/**
 * Reads the browser's files once, at start.
 *
 * In pages `{{base}}` becomes `BASE_PATH`, `{{hash}}` the hash, `{{assets}}` the address of the assets, and
 * `<!-- modules -->` a `modulepreload` for each module that the page's scripts import. Assets import one another by
 * relative paths and so carry the hash by themselves.
 */
export function loadStaticSite(folder: string, basePath: string): StaticSite {
  const contents = new Map<string, Buffer>();
  const digest = createHash('sha256');
  for (const name of assetNames(join(folder, 'assets'))) {
    const content = readFileSync(join(folder, 'assets', name));
    digest.update(`${name}\0${content.length}\0`).update(content);
    contents.set(name, content);
  }
  const hash = digest.digest('hex').slice(0, 16);
  const source = (path: string): string | undefined => contents.get(path)?.toString();
  const page = (name: string): StaticFile => {
    const html = readFileSync(join(folder, name), 'utf8');
    const filled = html
      .replace('<!-- modules -->', preloads(html, source))
      .replaceAll('{{assets}}', `${basePath}/assets/${hash}`)
      .replaceAll('{{base}}', basePath)
      .replaceAll('{{hash}}', hash);
    return new StaticFile(name, Buffer.from(filled));
  };
  const assets = new Map([...contents].map(([name, content]) => [name, new StaticFile(name, content)]));
  return {
    hash,
    assets,
    panelPage: page('index.html'),
    consolePage: page('admin.html'),
    statusPage: existsSync(join(folder, 'status.html')) ? page('status.html') : undefined,
  };
}

function preloads(html: string, source: (path: string) => string | undefined): string {
  const entries = [...html.matchAll(/<script type="module" src="\{\{assets\}\}\/([^"]+)"/g)].map(
    match => match[1]!,
  );
  const modules = new Set(entries.flatMap(entry => neededModules(entry, source)));
  return [...modules].map(path => `<link rel="modulepreload" href="{{assets}}/${path}" />`).join('\n    ');
}

/** Files that may be served, in a fixed order; hidden ones and type declarations stay inside. */
function assetNames(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && TYPES.has(extname(entry.name)))
    .map(entry => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter(name => !name.split('/').some(part => part.startsWith('.')))
    .sort();
}
