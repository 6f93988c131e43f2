import { readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync(new URL('application/package.json', import.meta.url), 'utf8'));
/** The packages of the application. */
const application = `node_modules/(${Object.keys(manifest.dependencies).join('|')})/`;

const rooms =
  'aggregates|api|broker|cli|console|dead-letters|events|journal|log|observability|projections|relay|replay|sagas|simulation|store|supervisor|telemetry|windows|worker';

/** What every room may use: single files at the top of src, and telemetry. */
const common =
  '^src/(errors|failpoints|duration|make-directory|supported-node|private-file|bounded-fetch|http-server|foreign-request|loopback|printable|redact)\\.ts$|^src/telemetry/';

/** A room that may import only these others, besides itself and what everybody may use. */
const onlyImports = (room, others) => ({
  name: `${room}-imports-${others.length === 0 ? 'no-other-room' : `${others.join('-')}-alone`}`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^(src|workers|config)/', pathNot: [`^src/(${[room, ...others].join('|')})/`, common] },
});

/** Who may import whom: DESIGN §2. */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    onlyImports('events', []),
    onlyImports('telemetry', []),
    onlyImports('store', ['events']),
    onlyImports('broker', ['events']),
    {
      name: 'application-imports-the-library-by-name',
      comment: 'What stands in platform/, workers/ and config/fleet.ts is byte for byte what an adopter writes.',
      severity: 'error',
      from: { path: ['^src/platform/', '^workers/', '^config/fleet\\.ts$'] },
      to: { path: `^src/((${rooms})/|[^/]+\\.ts$)`, pathNot: '^src/(index|testing)\\.ts$' },
    },
    {
      name: 'library-never-imports-the-application',
      severity: 'error',
      from: { path: `^src/((${rooms})/|[^/]+\\.ts$)` },
      to: { path: ['^src/platform/', '^workers/', '^config/fleet\\.ts$'] },
    },
    {
      name: 'library-never-imports-its-own-surface',
      severity: 'error',
      from: { path: `^src/(${rooms})/` },
      to: { path: '^src/(index|testing)\\.ts$' },
    },
    {
      name: 'workers-never-import-each-other',
      severity: 'error',
      from: { path: '^workers/([^/]+)/' },
      to: { path: '^workers/', pathNot: '^workers/$1/' },
    },
    {
      name: 'api-never-imports-the-broker',
      severity: 'error',
      from: { path: '^src/api/' },
      to: { path: '^src/broker/' },
    },
    {
      name: 'only-the-command-line-reads-the-configuration',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^config/' },
    },
    {
      name: 'nobody-imports-the-command-line',
      severity: 'error',
      from: { path: '^(src|workers|config)/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'library-needs-no-package-of-the-application',
      severity: 'error',
      comment: 'application/package.json lists what the application needs and the library does not.',
      from: { path: '^(src|config)/', pathNot: '^src/platform/' },
      to: { path: application },
    },
    {
      name: 'shipped-code-needs-no-development-package',
      severity: 'error',
      comment:
        'Exploring a simulation needs fast-check, which is an optional peer dependency, loaded when it is asked for.',
      from: { path: '^(src|workers|config)/', pathNot: '^src/simulation/fast-check\\.ts$' },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: ['node_modules/@types/', application],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['flotilla-source', 'import', 'node', 'default', 'types'],
    },
  },
};
