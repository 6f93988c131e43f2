import { spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { expectGreeting } from '../examples/greets.js';
import { startedProject } from '../docs/support/getting-started.js';
import { npmEnv, packedPackage, run } from '../support/packed-package.js';
import { cleanUp, testBroker } from '../support/rabbitmq.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const PROGRAM = `
import { baseCatalogue, catalogue, defineFleet, event, type Fleet } from 'flotilla';
import { createApi, defineRoute } from 'flotilla/http';
import { harness, spec } from 'flotilla/testing';
import { z } from 'zod';
const types = catalogue(baseCatalogue, { 'job.done': event({ 1: z.strictObject({ n: z.int() }) }) });
const counter = types.defineWorker({
  name: 'counter',
  on: { 'job.done': ({ data }, ctx) => void ctx.log.info(String(data.n + 1)) },
});
export const fleet: Fleet = defineFleet({ catalogue: types, workers: [counter] });
export const scenario = harness(counter).when({ type: 'job.done', data: { n: 1 } });
export const others = [spec, createApi, defineRoute];
// @ts-expect-error -- the handler's event is typed by the catalogue
types.defineWorker({ name: 'wrong', on: { 'job.done': ({ data }) => void data.m } });
`;

describe('the package', function () {
  this.timeout(600_000);
  let folder: string;
  let installed: string;
  let tarball: string;
  let files: string[];
  let shop: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-package-'));
    tarball = await packedPackage();
    files = (await run(folder, 'tar', ['-tzf', tarball])).split('\n').map((path) => path.replace(/^package\//, ''));
    shop = (await startedProject()).project;
    installed = join(shop, 'node_modules', 'flotilla');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('contains the compiled library, its templates and required files, and nothing of the application', async () => {
    const expected = [
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'bin/flotilla',
      'dist/src/index.js',
      'dist/src/index.d.ts',
    ];
    expect(files).to.include.members(expected);
    expect(
      files.filter((path) => /^(src|platform|workers|config|application|test|bench|docs)\//.test(path)),
    ).to.deep.equal([]);
    const compiled = /^dist\/src\/(.*\.(js|d\.ts)|static\/.*|LICENSES\.txt)$/;
    expect(files.filter((path) => path.startsWith('dist/') && !compiled.test(path))).to.deep.equal([]);
    const ofPages = [
      'pages.css',
      'http.css',
      'http.js',
      'swagger-ui.css',
      'swagger-ui-bundle.js',
      'swagger-ui.LICENSE',
    ];
    expect(files).to.include.members(ofPages.map((name) => `dist/src/static/${name}`));
    // Swagger UI is two fifths of it
    expect((await stat(tarball)).size).to.be.below(1_420_000);
    const scripts = files.filter((path) => path.startsWith('scripts/'));
    const imported = new Set<string>();
    for (const path of ['bin/flotilla', ...scripts]) {
      const text = await readFile(join(installed, path), 'utf8');
      for (const [, target = ''] of text.matchAll(/^import .*?from '(\.[^']+)';$/gm)) {
        imported.add(normalize(join(dirname(path), target)));
      }
    }
    expect(files).to.include.members([...imported]);
    // the script that `up` runs
    expect(scripts.filter((path) => !imported.has(path))).to.deep.equal(['scripts/install-rabbitmq.mjs']);
  });

  it('prints its version', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(await run(shop, 'npx', ['flotilla', '--version'])).to.equal(`${version}\n`);
  });

  it('has types under nodenext and bundler for each subpath', async () => {
    await writeFile(join(shop, 'program.ts'), PROGRAM);
    const check = (compiler: string, ...options: string[]) => {
      const strict = ['--ignoreConfig', '--noEmit', '--strict', '--types', 'node', '--lib', 'es2023,esnext.disposable'];
      const tsc = join(compiler, 'bin', 'tsc');
      return run(shop, process.execPath, [tsc, ...strict, ...options, 'program.ts']);
    };
    const six = join('node_modules', 'typescript');
    const seven = join(root, 'node_modules', 'typescript-native');
    // with every reachable declaration file: none needs a package that is not installed
    expect(await check(six, '--module', 'nodenext')).to.equal('');
    expect(await check(seven, '--module', 'esnext', '--moduleResolution', 'bundler', '--skipLibCheck')).to.equal('');
    await rm(join(shop, 'program.ts'));
  });

  // their type checks and tests are commands of getting-started
  it('scaffolds a fleet and another worker, whose files everyone may read', async () => {
    for (const path of ['config/fleet.ts', 'workers/greeter/index.ts', 'workers/loyalty/index.ts']) {
      expect((await stat(join(shop, path))).mode & 0o044, path).to.equal(0o044);
    }
  });

  it('runs that fleet on RabbitMQ: a worker handles an event, and all processes stop cleanly', async () => {
    const { amqpUrl, managementUrl, prefix } = await testBroker();
    const dataDir = join(folder, 'data');
    const settings = {
      DATA_DIR: dataDir,
      AMQP_URL: amqpUrl,
      AMQP_MANAGEMENT_URL: managementUrl,
      FLOTILLA_PREFIX: prefix,
      LOG_FORMAT: 'text',
    };
    const program = spawn('npm', ['start'], {
      cwd: shop,
      env: { ...npmEnv, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    try {
      const flotilla = (...args: string[]) => run(shop, 'node_modules/.bin/flotilla', args, settings);
      const names = await expectGreeting({ program, dataDir, flotilla });
      expect(names).to.have.members(['keeper', 'greeter', 'loyalty']);
    } finally {
      program.kill();
      await cleanUp(prefix);
    }
  });

  it('has no dependency of the application, which the image still contains', async () => {
    const copy = join(folder, 'clone');
    for (const path of ['package.json', 'package-lock.json', '.npmrc', 'application/package.json']) {
      await cp(join(root, path), join(copy, path));
    }
    const listed = await run(copy, 'npm', ['ls', '--all', '--omit=dev', '--package-lock-only', '--json']);
    const { dependencies } = JSON.parse(listed) as { dependencies: Record<string, { dependencies?: object }> };
    const application = ['mqtt', 'nodemailer', 'postal-mime', 'smtp-server'];
    expect(Object.keys(dependencies)).not.to.include.members(application);
    expect(Object.keys(dependencies['flotilla-application']?.dependencies ?? {})).to.have.members([
      ...application,
      'zod',
    ]);
    expect(await readdir(join(root, 'node_modules'))).to.include.members(application);
    expect(await readFile(join(root, 'Dockerfile'), 'utf8')).to.match(
      /COPY application\/package\.json application\/\n(.*\n)*RUN npm ci --ignore-scripts/,
    );
  });
});
