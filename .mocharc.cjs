// Mocha adds what is named on the command line to `spec` instead of putting it in its place.
const named = process.argv.slice(2).some((argument) => argument.endsWith('.ts'));

module.exports = {
  ...(named ? {} : { spec: 'test/**/*.test.ts' }),
  require: 'test/support/root-hooks.ts',
  'node-option': ['import=tsx', 'conditions=flotilla-source'],
  timeout: 30_000,
};
