import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite } from '../../src/stores/sqlite/open-sqlite.ts';
import { storeContract } from './contract.ts';

storeContract('sqlite', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-sqlite-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return async () => {
    const stores = await openSqlite(folder);
    t.teardown(() => stores.close());
    return stores;
  };
});
