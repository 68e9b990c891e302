// Plain JavaScript: an old Node cannot even load the TypeScript that would tell it so.
const OLDEST_MAJOR = 24;

if (Number(process.versions.node.split('.')[0]) < OLDEST_MAJOR) {
  console.error(
    `Switchyard needs Node ${OLDEST_MAJOR} or newer, this is ${process.version}. ` +
      'The package `node` in devDependencies brings one: run `npm ci` (with install scripts on), then use the npm scripts.',
  );
  process.exit(1);
}
