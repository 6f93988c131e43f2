import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const { PATH, NODE_COMPILE_CACHE } = process.env;

/** The source of a TypeScript project whose imports end in .js. */
const SOURCE = {
  'package.json': JSON.stringify({ type: 'module', imports: { '#workers/*.js': './dist/workers/*.js' } }),
  'config/fleet.ts': `
    import { defineFleet, type Fleet } from 'flotilla';
    import { jobs } from '../workers/jobs.js';
    import { mails } from '#workers/mails.js';
    const fleet: Fleet = defineFleet({ catalogue: jobs.catalogue, workers: [jobs.worker, mails] });
    export default fleet;`,
  'workers/jobs.ts': `
    import { baseCatalogue, catalogue, event } from 'flotilla';
    import { z } from 'zod';
    const shop = catalogue(baseCatalogue, { 'job.done': event({ 1: z.object({ n: z.int() }) }) });
    const settings = z.object({ from: z.string().default('source') as z.ZodDefault<z.ZodString> });
    export const jobs = { catalogue: shop, worker: shop.defineWorker({ name: 'jobs', settings, on: { 'job.done': () => undefined } }) };`,
  'workers/mails.ts': `
    import { jobs } from './jobs.js';
    export const mails = jobs.catalogue.defineWorker({ name: 'mails', on: { 'job.done': (): void => undefined } });`,
};

/** A compiled fleet with one worker, whose setting FROM names its file. */
function compiled(from: string): string {
  return `
    import { baseCatalogue, catalogue, defineFleet, event } from 'flotilla';
    import { z } from 'zod';
    const shop = catalogue(baseCatalogue, { 'job.done': event({ 1: z.object({}) }) });
    const settings = z.object({ from: z.string().default('${from}') });
    const worker = shop.defineWorker({ name: 'jobs', settings, on: { 'job.done': () => undefined } });
    export default defineFleet({ catalogue: shop, workers: [worker] });`;
}

describe('the fleet of a command', function () {
  this.timeout(120_000);
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-project-'));
    await mkdir(join(folder, 'node_modules'));
    await symlink(root, join(folder, 'node_modules', 'flotilla'));
    await symlink(join(root, 'node_modules', 'zod'), join(folder, 'node_modules', 'zod'));
    await write({ 'package.json': '{"type":"module"}' });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function write(files: Readonly<Record<string, string>>, modified = new Date()): Promise<void> {
    for (const [name, content] of Object.entries(files)) {
      const path = join(folder, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
      await utimes(path, modified, modified);
    }
  }

  /** The setting FROM of the loaded worker, which names its file, or the error. */
  async function from(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const child = spawn(process.execPath, [join(root, 'bin', 'flotilla'), 'config', ...args, 'show', '--json'], {
      cwd: folder,
      env: { PATH, NODE_COMPILE_CACHE, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, said] = await Promise.all([text(child.stdout), text(child.stderr)]);
    if (out === '') return said;
    expect(said).not.to.contain('Warning');
    const { items } = JSON.parse(out) as { items: { variable: string; value: string }[] };
    return items.find(({ variable }) => variable === 'FROM')?.value ?? 'no setting';
  }

  const earlier = new Date(Date.now() - 60_000);

  it('is loaded from TypeScript without a build step', async () => {
    await write(SOURCE);
    expect(await from()).to.equal('source');
  });

  it('is loaded from source, never from a stale dist', async () => {
    await write(SOURCE);
    await write({ 'dist/config/fleet.js': compiled('dist'), 'dist/workers/mails.js': 'throw new Error()' }, earlier);
    expect(await from()).to.equal('source');
  });

  it('is rejected when compiled code that it imports is older than its source', async () => {
    await write(
      { 'dist/config/fleet.js': "export { default } from '../other.js';", 'dist/other.js': compiled('dist') },
      earlier,
    );
    expect(await from()).to.equal('dist');
    await write({ 'other.ts': '' });
    const refused =
      'fleet.stale: Compiled code of the fleet is older than its source: dist/other.js is older than other.ts';
    expect(await from()).to.contain(refused);
    expect(await from(['--fleet', 'dist/config/fleet.js'])).to.contain(refused);
    await write({ 'dist/other.js': compiled('dist') });
    expect(await from()).to.equal('dist');
  });

  it('is the one of --fleet, or else of FLOTILLA_FLEET', async () => {
    await write({ 'config/fleet.js': compiled('config'), 'fleets/second.js': compiled('second') });
    expect(await from()).to.equal('config');
    const env = { FLOTILLA_FLEET: 'fleets/second.js' };
    expect(await from([], env)).to.equal('second');
    expect(await from(['--fleet', 'config/fleet.js'], env)).to.equal('config');
    expect(await from(['--fleet=fleets/third.js'])).to.contain('fleets/third.js does not exist');
  });

  it('is rejected with the reason when its TypeScript needs a compiler', async () => {
    await write({ 'config/fleet.ts': 'export enum Colour { Red }' });
    expect(await from())
      .to.match(/^fleet\.invalid: .*config\/fleet\.ts cannot be loaded: TypeScript enum is not supported/)
      .and.contain('erasableSyntaxOnly');
    await write({ 'config/fleet.ts': "import { Fleet } from 'flotilla'; export default {} as Fleet;" });
    expect(await from()).to.match(/^fleet\.invalid: .*export named 'Fleet'; if it is a type, use `import type`/);
  });
});
