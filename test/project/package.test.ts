import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

interface Manifest {
  version: string;
  dependencies: Record<string, string>;
}

const FLEET = `
import { baseCatalogue, catalogue, defineFleet, event } from 'flotilla';
import { z } from 'zod';
const types = catalogue(baseCatalogue, { 'job.done': event({ 1: z.strictObject({ n: z.int() }) }) });
const adder = types.defineWorker({ name: 'adder', on: { 'job.done': () => undefined } });
export default defineFleet({ catalogue: types, workers: [adder] });
`;

describe('the package', function () {
  this.timeout(120_000);
  let folder: string;
  let installed: string;
  let files: string[];

  before(async () => {
    const compile = new URL('../../scripts/compile.mjs', import.meta.url);
    await ((await import(compile.href)) as { ensureCompiled: () => Promise<void> }).ensureCompiled();
    folder = await mkdtemp(join(tmpdir(), 'flotilla-package-'));
    const packed = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
    const { stdout } = await run('npm', packed, { cwd: root });
    const [{ filename, files: list }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
    files = list.map(({ path }) => path);
    installed = join(folder, 'node_modules', 'flotilla');
    await mkdir(installed, { recursive: true });
    await run('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1']);
    // its dependencies and no others, as an installation would have them
    const { dependencies } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as Manifest;
    for (const name of [...Object.keys(dependencies), 'zod']) {
      await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('contains the library, its licence and what its programs import, and nothing of the application', async () => {
    expect(files).to.include.members(['LICENSE', 'README.md', 'CHANGELOG.md', 'bin/flotilla', 'dist/src/index.js']);
    const foreign = files.filter((path) =>
      /platform|workers\/|config\/fleet|^application|^(test|bench|docs)\//.test(path),
    );
    expect(foreign.filter((path) => !path.includes('src/cli/'))).to.deep.equal([]);
    const scripts = files.filter((path) => path.startsWith('scripts/'));
    const imported = new Set<string>();
    for (const path of ['bin/flotilla', ...scripts]) {
      const text = await readFile(join(installed, path), 'utf8');
      for (const [, target = ''] of text.matchAll(/^import .*?from '(\.[^']+)';$/gm)) {
        imported.add(normalize(join(dirname(path), target)));
      }
    }
    expect(files).to.include.members([...imported]);
    // the one that `up` runs as a program
    expect(scripts.filter((path) => !imported.has(path))).to.deep.equal(['scripts/install-rabbitmq.mjs']);
  });

  it('runs a fleet in a folder that has the package and its dependencies alone', async () => {
    const flotilla = (...args: string[]) =>
      run(process.execPath, [join(installed, 'bin', 'flotilla'), ...args], { cwd: folder });
    const { version } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as Manifest;
    expect((await flotilla('--version')).stdout.trim()).to.equal(version);
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await mkdir(join(folder, 'config'));
    await writeFile(join(folder, 'config', 'fleet.js'), FLEET);
    const { stdout } = await flotilla('topology', 'permissions', '--json');
    expect(stdout).to.contain('"flotilla-adder"');
  });

  it('has no package of the application among its dependencies, which the image keeps all the same', async () => {
    const copy = join(folder, 'clone');
    for (const path of ['package.json', 'package-lock.json', '.npmrc', 'application/package.json']) {
      await cp(join(root, path), join(copy, path));
    }
    const { stdout } = await run('npm', ['ls', '--all', '--omit=dev', '--package-lock-only', '--json'], { cwd: copy });
    const { dependencies } = JSON.parse(stdout) as { dependencies: Record<string, { dependencies?: object }> };
    const application = ['mailparser', 'nodemailer', 'smtp-server'];
    expect(Object.keys(dependencies)).not.to.include.members(application);
    expect(Object.keys(dependencies['flotilla-application']?.dependencies ?? {})).to.have.members([...application, 'zod']);
    expect(await readdir(join(root, 'node_modules'))).to.include.members(application);
    expect(await readFile(join(root, 'Dockerfile'), 'utf8')).to.match(
      /COPY application\/package\.json application\/\n(.*\n)*RUN npm ci --ignore-scripts/,
    );
  });
});
