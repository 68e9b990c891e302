import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate with its key, as PEM text. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority of the test's own, made by the `openssl` command. */
export interface Authority {
  /** Its own certificate, PEM text. */
  readonly cert: string;
  /** The same as a file, until `remove`. */
  readonly file: string;
  /** A certificate for names and addresses: `DNS:api.test`, `IP:127.0.0.1`. */
  issue(...names: readonly string[]): Identity;
  remove(): void;
}

export function createAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-ca-'));
  const path = (name: string) => join(folder, name);
  const key = (name: string) => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    path(name),
  ];
  openssl([
    'req',
    '-x509',
    '-days',
    '2',
    '-subj',
    '/CN=Test authority',
    ...key('ca.key'),
    '-out',
    path('ca.pem'),
  ]);
  let issued = 0;
  return {
    cert: readFileSync(path('ca.pem'), 'utf8'),
    file: path('ca.pem'),
    issue(...names) {
      issued += 1;
      const leaf = `${issued}`;
      writeFileSync(path(`${leaf}.ext`), `subjectAltName=${names.join(',')}\n`);
      openssl(['req', '-new', '-subj', '/CN=Test', ...key(`${leaf}.key`), '-out', path(`${leaf}.csr`)]);
      openssl([
        ...['x509', '-req', '-days', '2', '-in', path(`${leaf}.csr`), '-extfile', path(`${leaf}.ext`)],
        ...['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-set_serial', String(1000 + issued)],
        ...['-out', path(`${leaf}.pem`)],
      ]);
      return {
        cert: readFileSync(path(`${leaf}.pem`), 'utf8'),
        key: readFileSync(path(`${leaf}.key`), 'utf8'),
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function openssl(parameters: readonly string[]): void {
  const { status, stderr, error } = spawnSync('openssl', parameters, { encoding: 'utf8' });
  if (error !== undefined) throw new Error('These tests need the openssl command: apt-get install openssl');
  if (status !== 0) throw new Error(`openssl ${parameters[0]} failed: ${stderr}`);
}
