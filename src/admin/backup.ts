import { AppError } from '../base/errors.ts';
import { type BackupStores, collectBackup, parseBackupContent } from '../domain/transfer/backup-content.ts';
import { decryptBackup, encryptBackup, parseNewPassphrase } from '../domain/transfer/backup-document.ts';
import { restoreBackup } from '../domain/transfer/restore.ts';
import { type MappingApi, refresh as refreshMappings } from './mapping-api.ts';
import type { PoolApi } from './pool-api.ts';
import { type Answer, allowOnly, type Route, type RouteRequest } from './route.ts';

/** Room for 100,000 keys, and as many mappings. */
const RESTORE_LIMIT_BYTES = 128 * 1024 * 1024;

/** Everything out and in, as one encrypted document. */
export function backupRoutes(api: PoolApi, mappings: MappingApi): Route[] {
  const stores: BackupStores = { ...api.stores, mappings: mappings.store };

  async function back(request: RouteRequest): Promise<Answer> {
    const passphrase = parseNewPassphrase(passphraseOf(request));
    await api.encryption.verify();
    const { content, leftOut } = await collectBackup(stores, api.encryption.sealer);
    const document = await encryptBackup(JSON.stringify(content), passphrase, { nowMs: request.nowMs });
    const by = request.credentials.clientAddress;
    api.log.warn({ keys: content.keys.length, leftOut: leftOut.length, by }, 'backup made');
    return {
      status: 200,
      text: `${JSON.stringify(document, null, 2)}\n`,
      type: 'application/json',
      headers: {
        'content-disposition': 'attachment; filename="switchyard-backup.json"',
        'x-left-out': String(leftOut.length),
      },
    };
  }

  async function restore(request: RouteRequest): Promise<Answer> {
    const body = await request.readObject(RESTORE_LIMIT_BYTES);
    allowOnly(body, ['passphrase', 'backup', 'dryRun']);
    const passphrase = body.get('passphrase');
    if (typeof passphrase !== 'string' || passphrase === '') {
      throw new AppError('ERR_VALIDATION', 'Expected `passphrase` to be text', { field: 'passphrase' });
    }
    const dryRun = body.get('dryRun') ?? false;
    if (typeof dryRun !== 'boolean') {
      throw new AppError('ERR_VALIDATION', 'Expected `dryRun` to be true or false', { field: 'dryRun' });
    }
    const content = parseBackupContent(await decryptBackup(body.get('backup'), passphrase));
    await api.encryption.verify();
    try {
      const report = await restoreBackup(content, { stores, sealer: api.encryption.sealer, dryRun });
      const by = request.credentials.clientAddress;
      if (!dryRun) api.log.warn({ keys: report.keys, mappings: report.mappings, by }, 'backup restored');
      return { status: 200, json: report };
    } finally {
      if (!dryRun) {
        await api.live.refresh();
        await refreshMappings(mappings);
      }
    }
  }

  return [
    {
      method: 'GET',
      path: '/admin/backup',
      audience: 'admin',
      summary: 'Everything in one encrypted document',
      discloses: true,
      handle: back,
    },
    {
      method: 'POST',
      path: '/admin/restore',
      audience: 'admin',
      summary: 'Restore a backup',
      handle: restore,
    },
  ];
}

/** Fields of a request hold ASCII, so other characters come percent-encoded. */
function passphraseOf(request: RouteRequest): string | undefined {
  const written = request.header('x-backup-passphrase');
  if (written === undefined) return undefined;
  try {
    return decodeURIComponent(written);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new AppError('ERR_VALIDATION', 'Expected `x-backup-passphrase` to be percent-encoded UTF-8', {
      cause: error,
      field: 'passphrase',
    });
  }
}
