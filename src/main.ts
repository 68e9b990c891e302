import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

/**
 * What is compiled once is kept beside the code, where whoever may write could change the code itself as well. The next
 * start is half a second of work shorter and takes 40 MB less, for no thread of it has to take types away. Where the folder
 * cannot be written, as in a container, nothing is kept.
 */
const folder = join(import.meta.dirname, '../node_modules/.cache/switchyard');

// Threads read it from the environment.
process.env.NODE_COMPILE_CACHE ??= folder;
enableCompileCache(process.env.NODE_COMPILE_CACHE);

if (existsSync('.env')) process.loadEnvFile('.env');
const { serve } = await import('./serve.ts');
await serve(process.env);
