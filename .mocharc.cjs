const { pathToFileURL } = require('node:url');

// Mocha adds what is named on the command line to `spec` instead of putting it in its place.
const named = process.argv.slice(2).some((argument) => argument.endsWith('.ts'));

module.exports = {
  ...(named ? {} : { spec: 'test/**/*.test.ts' }),
  require: 'test/support/root-hooks.ts',
  // processes that tests start inherit these, in whichever folder they run
  'node-option': [
    `import=${pathToFileURL(`${__dirname}/scripts/typescript.mjs`)}`,
    'conditions=flotilla-source',
    'enable-source-maps',
  ],
  timeout: 30_000,
};
