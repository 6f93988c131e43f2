import { readFileSync } from 'node:fs';

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const { peerDependencies, peerDependenciesMeta } = read('package.json');
const folderOf = (packages) => `node_modules/(${packages.join('|')})/`;
/** The packages that both the library and its users need: users install them. */
const peers = Object.keys(peerDependencies).filter((name) => peerDependenciesMeta[name]?.optional !== true);
/** The packages for development that the bundle of the library contains: nothing else of them is needed at run time. */
const bundled = ['@dagrejs/dagre'];
/** The packages of the application that the library does not need. */
const application = folderOf(
  Object.keys(read('application/package.json').dependencies).filter((name) => !peers.includes(name)),
);

/** The folders of the library from the bottom up: each may import those before it, and itself. */
const layers = [
  'text|files',
  'net',
  'telemetry',
  'concurrency',
  'events',
  'contracts',
  'store',
  'broker',
  'queues',
  'traffic',
  'aggregates',
  'outbox',
  'event-log',
  'projections',
  'sagas',
  'windows',
  'worker',
  'client',
  'kafka',
  'dead-letters',
  'journal',
  'replay',
  'api',
  'observability',
  'supervisor',
  'fleet',
  'flow',
  'documents',
  'config',
  'runtime',
  'testing',
  'cli',
];

const noUpwardImport = (layer, index) => ({
  name: `${layer.replace('|', '-and-')}-imports-nothing-above-it`,
  severity: 'error',
  from: { path: `^src/(${layer})/` },
  to: { path: [`^src/(${layers.slice(index + 1).join('|')})/`, '^src/index\\.ts$'] },
});

/** A folder that may import only these others, besides itself and what every folder may use. */
const onlyImports = (folder, others) => ({
  name: `${folder}-imports-${others.length === 0 ? 'no-other-folder' : `${others.join('-')}-alone`}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: [`^src/(${[folder, ...others, ...common].join('|')})/`, ground] },
});

/** What every folder may use. */
const common = ['text', 'files', 'net', 'concurrency', 'telemetry'];
const ground = '^src/(errors|failpoints|duration|packages|random|supported-node)\\.ts$';
const surface = '^src/(index|http|kafka|testing/index|testing/simulation/index)\\.ts$';
const theApplication = ['^platform/', '^workers/', '^config/fleet\\.ts$', '^examples/'];

/** Which folder may import which: docs/architecture.md. Imports of types count. */
export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...layers.slice(0, -1).map(noUpwardImport),
    {
      name: 'every-folder-has-its-layer',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: `^src/(${layers.join('|')})/` },
      to: {},
    },
    {
      name: 'ground-imports-nothing-above-it',
      severity: 'error',
      from: { path: ground },
      to: { path: '^src/', pathNot: [ground, '^src/(text|files)/'] },
    },
    onlyImports('events', []),
    onlyImports('contracts', ['events']),
    onlyImports('telemetry', []),
    onlyImports('store', ['events']),
    onlyImports('broker', ['events']),
    {
      name: 'application-imports-the-library-by-name',
      comment: 'platform/, workers/ and config/fleet.ts are written as an adopter writes them.',
      severity: 'error',
      from: { path: theApplication },
      to: { path: '^src/', pathNot: surface },
    },
    {
      name: 'library-never-imports-the-application',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: theApplication },
    },
    {
      name: 'workers-never-import-each-other',
      severity: 'error',
      from: { path: '^workers/([^/]+)/' },
      to: { path: '^workers/', pathNot: '^workers/$1/' },
    },
    {
      name: 'platform-never-imports-workers',
      severity: 'error',
      from: { path: '^platform/' },
      to: { path: '^workers/' },
    },
    {
      name: 'api-never-imports-the-broker',
      severity: 'error',
      from: { path: '^src/api/' },
      to: { path: '^src/broker/' },
    },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'library-needs-no-package-of-the-application',
      severity: 'error',
      comment: 'application/package.json lists what the application needs and the library does not.',
      from: { path: '^src/' },
      to: { path: application },
    },
    {
      name: 'shipped-code-needs-no-development-package',
      severity: 'error',
      comment:
        'Exploring a simulation needs fast-check and Kafka needs a client library: optional peer dependencies, loaded when they are asked for. The bundle of the library contains the packages in `bundled`.',
      from: {
        path: '^(src|platform|workers|config)/',
        pathNot: ['^src/testing/simulation/explore/fast-check\\.ts$', '^src/kafka/client/load-client\\.ts$'],
      },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: ['node_modules/@types/', application, folderOf([...peers, ...bundled])],
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
