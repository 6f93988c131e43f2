import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { ESLint } from 'eslint';
import ts from 'typescript';
import fleet from '../../../../config/fleet.js';
import { newEvent } from '../../../../src/cli/commands/new/new-event.js';
import { newVersion } from '../../../../src/cli/commands/new/new-version.js';
import { newWorker } from '../../../../src/cli/commands/new/new-worker.js';
import type { Added } from '../../../../src/cli/commands/new/project.js';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const execute = promisify(execFile);

/** The program that `tsc -p .` compiles. */
function programOf(folder: string): ts.Program {
  const config = ts.getParsedCommandLineOfConfigFile(join(folder, 'tsconfig.json'), undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
      throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'));
    },
  });
  if (config === undefined) throw new Error(`${folder} has no tsconfig.json`);
  expect(config.errors).to.deep.equal([]);
  return ts.createProgram(config.fileNames, config.options);
}

/** The errors that `tsc -p .` reports in these files. `npm run check` covers the files that they
 *  import, and checking those as well takes twice as long. */
function typeErrorsOf(program: ts.Program, folder: string, files: readonly string[]): string[] {
  const diagnostics = [
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...files.flatMap((path) => {
      const file = program.getSourceFile(join(folder, path));
      if (file === undefined) throw new Error(`${path} is not part of the program`);
      return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    }),
  ];
  return diagnostics.map(
    ({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
  );
}

/** What `eslint` reports about these files. It checks types by `program` instead of compiling them again. */
async function findingsOf(program: ts.Program, cwd: string, files: readonly string[]): Promise<string> {
  const parserOptions = { programs: [program], projectService: false };
  const eslint = new ESLint({ cwd, overrideConfig: { languageOptions: { parserOptions } } });
  const formatter = await eslint.loadFormatter('stylish');
  return formatter.format(await eslint.lintFiles([...files]));
}

describe('code that is generated for this repository', function () {
  this.timeout(300_000);
  let copy: string;
  const added = new Map<string, Added>();

  before(async () => {
    copy = await mkdtemp(join(tmpdir(), 'flotilla-new-'));
    const parts = [
      ...['src', 'platform', 'config', 'workers', 'scripts', 'schemas', 'test/support', 'docker-compose.yml'],
      ...['package.json', 'tsconfig.json', 'eslint.config.js', '.prettierrc', '.mocharc.cjs'],
    ];
    for (const part of parts) await cp(join(root, part), join(copy, part), { recursive: true });
    for (const folder of ['examples', 'bench']) await mkdir(join(copy, folder));
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
    const place = { root: copy, packageRoot: root, fleet };
    const on = ['order.*', 'user.created@1'];
    added.set('worker', await newWorker({ ...place, name: 'loyalty-points', on }));
    added.set('second worker', await newWorker({ ...place, name: 'event' }));
    added.set('related event', await newEvent({ ...place, type: 'order.paid', kind: 'event' }));
    added.set('event', await newEvent({ ...place, type: 'parcel.stored', kind: 'event' }));
    added.set('command', await newEvent({ ...place, type: 'account.close', kind: 'command' }));
    const worker = 'shipping';
    added.set('handled command', await newEvent({ ...place, type: 'shipment.hold', kind: 'command', worker }));
    added.set('version', await newVersion({ ...place, type: 'shipment.create' }));
    added.set('next version', await newVersion({ ...place, type: 'order.created' }));
    const include = sources();
    const compilerOptions = { rootDir: '.' };
    const config = { extends: join(root, 'tsconfig.json'), compilerOptions, include };
    await writeFile(join(copy, 'tsconfig.json'), JSON.stringify(config));
  });
  after(() => rm(copy, { recursive: true, force: true }));

  const sources = () => {
    const files = [...added.values()].flatMap((each) => each.files).filter((file) => file.endsWith('.ts'));
    return [...new Set([...files, 'config/fleet.ts'])];
  };
  const read = (file: string) => readFile(join(copy, file), 'utf8');
  const run = (...args: string[]) =>
    execute(process.execPath, args, { cwd: copy }).then(
      ({ stdout }) => stdout,
      (error: { stdout: string; stderr: string }) => `FAILED ${args.join(' ')}: ${error.stdout} ${error.stderr}`,
    );
  const bin = (program: string) => join(root, 'node_modules/.bin', program);

  it('is that of a worker, of events and commands, and of versions', async () => {
    expect(added.get('worker')?.files).to.deep.equal([
      'workers/loyalty-points/index.ts',
      'test/workers/loyalty-points.test.ts',
      'workers/index.ts',
    ]);
    expect(added.get('worker')?.byHand.join()).to.contain('docker-compose.yml: the service loyalty-points');
    expect(await read('workers/loyalty-points/index.ts'))
      .to.contain("'order.*': (event, ctx)")
      .and.contain("'user.created@1': (event, ctx)");
    const contract = (type: string, version: number) =>
      ['', '.samples'].map((suffix) => `schemas/${type}/${version}${suffix}.json`);
    expect(added.get('related event')?.files).to.deep.equal([
      'platform/orders/events.ts',
      ...contract('order.paid', 1).sort(),
      'test/platform/order-paid.test.ts',
    ]);
    expect(added.get('event')?.files).to.include('platform/catalogue.ts');
    expect(added.get('command')?.files).to.include.members([
      'platform/accounts/events.ts',
      'workers/account/index.ts',
      'workers/index.ts',
    ]);
    expect(added.get('handled command')?.files).to.include('workers/shipping/index.ts');
    expect(added.get('next version')?.files).to.include.members([
      'platform/orders/events.ts',
      ...contract('order.created', 3),
      'schemas/order.created/1.samples.json',
      'test/platform/order-created-3.test.ts',
    ]);
    expect(added.get('event')?.byHand).to.deep.equal([
      'Run npm run docs:reference',
      'Change its fields and its test, then run flotilla schemas write --replace parcel.stored@1',
    ]);
  });

  it('is formatted as prettier formats it', async () => {
    const cache = ['--cache', '--cache-location', join(copy, '.cached')];
    expect(await run(bin('prettier'), ...cache, '--list-different', ...sources())).to.equal('');
  });

  it('passes tsc and eslint', async () => {
    const program = programOf(copy);
    expect(typeErrorsOf(program, copy, sources())).to.deep.equal([]);
    expect(await findingsOf(program, copy, sources())).to.equal('');
  });

  it('passes its tests', async () => {
    const tests = sources().filter((file) => file.startsWith('test/'));
    const output = await run(bin('mocha'), '--spec', ...tests);
    expect(output)
      .to.match(/14 passing/)
      .and.not.contain('failing');
  });

  it('passes the check of schemas', async () => {
    const typescript = [`--import=${join(copy, 'scripts/typescript.mjs')}`, '--conditions=flotilla-source'];
    const output = await run(...typescript, 'src/cli/main.ts', 'schemas', 'check');
    expect(output).to.match(/^\d+ versions and \d+ operations compared: 0 errors, 0 warnings$/m);
  });
});
