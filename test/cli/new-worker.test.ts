import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { parse } from 'yaml';
import { z } from 'zod';
import fleet from '../../config/fleet.js';
import { UsageError } from '../../src/cli/failure.js';
import { withService } from '../../src/cli/new-worker/compose-source.js';
import { withWorker } from '../../src/cli/new-worker/fleet-source.js';
import { namesOf } from '../../src/cli/new-worker/names.js';
import { sampleOf } from '../../src/cli/new-worker/sample-data.js';
import { scaffoldWorker } from '../../src/cli/new-worker/scaffold.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const execute = promisify(execFile);
const { definitions } = fleet.catalogue;

describe('new worker', function () {
  this.timeout(180_000);

  it('makes a worker that is formatted, linted, typed, and tested', async () => {
    const copy = await mkdtemp(join(tmpdir(), 'flotilla-new-'));
    try {
      const parts = [
        'src',
        'config',
        'workers',
        'docker-compose.yml',
        'package.json',
        'tsconfig.json',
        'eslint.config.js',
      ];
      for (const part of [...parts, '.prettierrc', '.mocharc.cjs', 'test/support']) {
        await cp(join(root, part), join(copy, part), { recursive: true });
      }
      await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
      const files = await scaffoldWorker({ root: copy, name: 'loyalty-points', on: 'order.created', definitions });
      expect(files).to.deep.equal([
        'workers/loyalty-points/index.ts',
        'test/workers/loyalty-points.test.ts',
        'config/fleet.ts',
        'docker-compose.yml',
      ]);
      const sources = files.filter((file) => file.endsWith('.ts'));
      await writeFile(
        join(copy, 'tsconfig.json'),
        JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions: { rootDir: '.' }, include: sources }),
      );
      const run = async (program: string, ...args: string[]) => {
        const bin = join(root, 'node_modules/.bin', program);
        return execute(bin, args, { cwd: copy }).then(
          ({ stdout }) => stdout,
          (error: { stdout: string; stderr: string }) => `FAILED ${program}: ${error.stdout} ${error.stderr}`,
        );
      };
      expect(
        await run('prettier', '--cache', '--cache-location', join(copy, '.cached'), '--check', ...sources),
      ).to.contain('All matched files');
      expect(await run('tsc', '-p', '.')).to.equal('');
      expect(await run('eslint', ...sources)).to.equal('');
      expect(await run('mocha', '--spec', 'test/workers/loyalty-points.test.ts')).to.contain('1 passing');
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  });

  it('adds a service and a volume to docker-compose.yml, and changes nothing else in it', async () => {
    const before = await readFile(join(root, 'docker-compose.yml'), 'utf8');
    const after = withService(before, namesOf('loyalty-points'));
    const added = after.split('\n').filter((line) => !before.split('\n').includes(line));
    expect(added.join('\n')).to.contain('LOYALTY_POINTS_REPLICAS').and.not.contain('email');
    const { services, volumes } = z
      .object({ services: z.record(z.string(), z.unknown()), volumes: z.record(z.string(), z.null()) })
      .parse(parse(after, { merge: true }));
    expect(services['loyalty-points']).to.deep.include({
      command: ['worker', 'loyalty-points'],
      volumes: ['loyalty-points:/data'],
      deploy: { replicas: '${LOYALTY_POINTS_REPLICAS:-1}' },
    });
    expect(volumes).to.have.property('loyalty-points');
    const rest = parse(before, { merge: true }) as { services: object; volumes: object };
    delete services['loyalty-points'];
    delete volumes['loyalty-points'];
    expect({ services, volumes }).to.deep.equal({ services: rest.services, volumes: rest.volumes });
    expect(() => withService(after, namesOf('loyalty-points'))).to.throw(UsageError);
    expect(() => withService('services:\n  db:\n    image: x\n', namesOf('loyalty'))).to.throw(UsageError, 'by hand');
  });

  it('finds its place in config/fleet.ts, or says what to write there', () => {
    const source = [
      `import { platform } from '../src/catalogue.js';`,
      `import b from '../workers/b/index.js';`,
      '',
      'export default defineFleet({',
      '  catalogue: platform,',
      '  workers: [b],',
      '});',
    ].join('\n');
    const once = withWorker(source, namesOf('new'));
    expect(once).to.contain(`import newWorker from '../workers/new/index.js';`).and.contain('workers: [b, newWorker],');
    let many = source;
    for (let n = 0; n < 20; n += 1) many = withWorker(many, namesOf(`worker-number-${n}`));
    expect(many).to.contain('  workers: [\n    b,\n    workerNumber0,\n').and.contain('    workerNumber19,\n  ],');
    expect(() => withWorker(once, namesOf('b'))).to.throw(UsageError, 'already');
    expect(() => withWorker('export default defineFleet({ workers: all });', namesOf('c'))).to.throw(
      UsageError,
      'by hand',
    );
    expect(() => withWorker(source.replace('[b]', '[...more]'), namesOf('c'))).to.throw(UsageError, 'by hand');
  });

  it('refuses a bad name, a name that is taken, and a type that is none, before it writes anything', async () => {
    for (const name of ['Loyalty', '../x', '', 'a--b', '1a']) {
      expect(() => namesOf(name), name).to.throw(UsageError);
    }
    const taken: unknown = await scaffoldWorker({ root, name: 'payment', definitions }).catch(
      (error: unknown) => error,
    );
    expect(taken).to.be.instanceOf(UsageError);
    expect(() => sampleOf(definitions, 'no.such')).to.throw(UsageError);
    expect(() => sampleOf(definitions, 'payment.process')).to.throw(UsageError, 'command');
  });

  it('can make example data of every event of the platform', () => {
    for (const [type, { kind }] of Object.entries(definitions)) {
      if (kind === 'event') expect(sampleOf(definitions, type).type).to.equal(type);
    }
    expect(definitions[sampleOf(definitions).type]?.kind).to.equal('event');
  });
});
