import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';

const root = join(import.meta.dirname, '..');

interface LockEntry {
  readonly version?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
  readonly optionalDependencies?: Record<string, string>;
}

const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, LockEntry>;
};
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  scripts: Record<string, string>;
  allowScripts: Record<string, boolean>;
};

const locked = Object.entries(lock.packages);

test('the lock file names no registry', t => {
  t.deepEqual(
    locked.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path),
    [],
  );
});

test('the lock file has the builds for every platform, without which npm ci refuses it', t => {
  const missing = locked.flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter(
      name => !(`node_modules/${name}` in lock.packages || `${path}/node_modules/${name}` in lock.packages),
    ),
  );
  t.deepEqual(missing, []);
});

test('every dependency has one exact version', t => {
  const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
    ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
  );
  t.deepEqual(loose, []);
});

test('every package with an install script is decided on, and nothing that ships has one', t => {
  const scripted = locked.filter(([, entry]) => entry.hasInstallScript === true);
  const undecided = scripted
    .map(([path]) => path.replace(/^.*node_modules\//, ''))
    .filter(name => !(name in manifest.allowScripts));
  t.deepEqual(undecided, []);
  t.deepEqual(
    scripted.filter(([, entry]) => entry.dev !== true).map(([path]) => path),
    [],
  );
});

test('a current Node comes with the tools, not with what ships', t => {
  t.true('node' in manifest.devDependencies);
  t.false('node' in manifest.dependencies);
});
