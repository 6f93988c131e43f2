// Mocha adds what is named on the command line to `spec` instead of putting it in its place.
const named = process.argv.slice(2).some((argument) => argument.endsWith('.ts'));

module.exports = {
  ...(named ? {} : { spec: 'test/**/*.test.ts' }),
  require: 'test/support/root-hooks.ts',
  // Without require() of ES modules mocha imports every file, so that each module is loaded once.
  'node-option': ['import=tsx', 'conditions=flotilla-source', 'no-experimental-require-module'],
  timeout: 30_000,
};
