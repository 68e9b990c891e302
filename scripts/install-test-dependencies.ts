import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program that tests start themselves, with the Debian package that brings it. */
interface Program {
  /** Any of these serves. */
  readonly commands: readonly string[];
  readonly package: string;
  readonly purpose: string;
}

const PROGRAMS: readonly Program[] = [
  { commands: ['curl'], package: 'curl', purpose: 'the commands of README' },
  { commands: ['redis-server'], package: 'redis-server', purpose: 'the Redis store' },
  {
    commands: ['chromium', 'chromium-browser', 'google-chrome'],
    package: 'chromium',
    purpose: 'panel and console',
  },
  { commands: ['curl'], package: 'curl', purpose: 'HTTP/1.0 clients' },
  { commands: ['openssl'], package: 'openssl', purpose: 'TLS upstreams' },
  { commands: ['faketime'], package: 'faketime', purpose: 'long silences, with a clock that runs fast' },
];

const POLICY_FILE = '/usr/sbin/policy-rc.d';

/**
 * Installs what tests need and this machine lacks: with apt-get as root on Debian and its kin, else it says what to
 * install.
 *
 * @returns one line that says what is missing still, or `undefined` when all is there
 */
export function installTestDependencies(): string | undefined {
  const missing = missingPrograms();
  if (missing.length === 0) return undefined;
  if (process.getuid?.() === 0 && isInstalled('apt-get')) installPackages(missing);
  const left = missingPrograms();
  if (left.length === 0) return undefined;
  const wants = left.map(program => `\`${program.commands[0]}\` (tests of ${program.purpose})`).join(', ');
  const packages = left.map(program => program.package).join(' ');
  return `Tests need ${wants}. Install them, on Debian or Ubuntu: apt-get install --no-install-recommends ${packages}`;
}

function missingPrograms(): readonly Program[] {
  return PROGRAMS.filter(program => !program.commands.some(isInstalled));
}

function isInstalled(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some(folder => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Debian starts a daemon as soon as its package is there; tests start their own, so a policy says no meanwhile. */
function installPackages(programs: readonly Program[]): void {
  const ownPolicy = !existsSync(POLICY_FILE);
  if (ownPolicy) writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const wait = ['-o', 'DPkg::Lock::Timeout=600', '-q'];
    run('apt-get', [...wait, 'update']);
    run('apt-get', [
      ...wait,
      'install',
      '-y',
      '--no-install-recommends',
      ...programs.map(({ package: name }) => name),
    ]);
  } finally {
    if (ownPolicy) rmSync(POLICY_FILE);
  }
}

function run(command: string, parameters: readonly string[]): void {
  console.log(`$ ${command} ${parameters.join(' ')}`);
  spawnSync(command, parameters, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}

if (import.meta.main) {
  const problem = installTestDependencies();
  if (problem !== undefined) {
    console.error(problem);
    process.exitCode = 1;
  }
}
