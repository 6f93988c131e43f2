import { readdirSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect } from 'chai';
// @ts-expect-error -- a script without types
import { installPackages } from '../../scripts/system-package.mjs';
import { testKafka } from '../support/kafka.js';
import { npmEnv, run } from '../support/packed-package.js';
import { blocksOf } from './support/blocks.js';
import { docs, environmentOfReader, START, startedProject } from './support/getting-started.js';
import { minutesOfReader } from './support/reader.js';
import { runPage } from './support/run-page.js';
import { typeErrors, type ExecutedPage } from './support/type-check.js';

const GUIDES = readdirSync(new URL('guides/', docs)).filter((name) => name.endsWith('.md'));

/** What getting-started leaves behind besides its files: each guide has a fleet of its own. */
const NOT_COPIED = new Set(['node_modules', 'data']);

/** Runs an installed command of the project. npm's own `npx`, which getting-started uses, takes a second of processor
 *  time for the same. */
const NPX = `#!/bin/sh
command=$1
shift
exec "node_modules/.bin/$command" "$@"
`;

/** What getting-started promises. Its time begins in the empty folder, with the built package. */
const MINUTES = 10;
/** The part of it that is reserved for the machine. The reader has the rest. */
const MACHINE_MINUTES = 2;
/** `npm start` starts a RabbitMQ unless AMQP_URL is set, as it is here: 8 s on two cores, for each of the two starts. */
const BROKER_MINUTES = (2 * 8) / 60;

const install = installPackages as (packages: string[], why: string) => Promise<boolean>;

/** Skips the page where there is no Kafka. */
async function environmentOfKafka(context: Mocha.Context): Promise<NodeJS.ProcessEnv> {
  const { brokers } = await testKafka(context);
  await run(tmpdir(), 'kcat', ['-V']).catch(() => install(['kcat'], 'The guide of Kafka reads and writes with kcat'));
  return { KAFKA_BROKERS: brokers };
}

describe('the executed pages of the documentation @slow', function () {
  this.timeout(300_000);
  let folder: string;
  const executed: ExecutedPage[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-pages-'));
    await run(folder, 'curl', ['--version']).catch(() => install(['curl'], 'Guides call an API with curl'));
    await mkdir(join(folder, 'bin'));
    await writeFile(join(folder, 'bin', 'npx'), NPX, { mode: 0o755 });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it(`${START} creates a fleet in an empty folder and adds a worker`, async () => {
    const started = await startedProject();
    executed.push(started);
    expect(await readdir(join(started.project, 'workers'))).to.include('loyalty');
  });

  it(`${START} takes at most ${MINUTES} minutes`, async () => {
    const { reading, copying } = minutesOfReader(await readFile(new URL(START, docs), 'utf8'));
    // the same on every machine
    expect(reading + copying, 'the reader').to.be.at.most(MINUTES - MACHINE_MINUTES);
    const machine = (await startedProject()).minutes + BROKER_MINUTES;
    const sum = reading + copying + machine;
    const [load = 0] = loadavg();
    const shown = [sum, reading, copying, machine].map((minutes) => minutes.toFixed(1));
    console.log(`      ${shown[0]} min: reading ${shown[1]}, copying ${shown[2]}, machine ${shown[3]}, load ${load}`);
    // The machine is compared only if no other work slows it down. Dividing the time by the load would be a guess.
    if (load <= availableParallelism()) expect(sum, 'the reader and an idle machine').to.be.at.most(MINUTES);
  });

  for (const name of GUIDES) {
    const page = `guides/${name}`;
    it(`${page} continues with the project of ${START}`, async function () {
      const text = await readFile(new URL(page, docs), 'utf8');
      const more = text.includes('KAFKA_BROKERS') ? await environmentOfKafka(this) : {};
      const { project } = await startedProject();
      const copy = join(folder, name);
      await mkdir(copy);
      for (const entry of await readdir(project)) {
        if (!NOT_COPIED.has(entry)) await cp(join(project, entry), join(copy, entry), { recursive: true });
      }
      const [from, to] = [join(project, 'node_modules'), join(copy, 'node_modules')];
      // npm would install through the link, into the project of getting-started
      if (text.includes('npm install')) await cp(from, to, { recursive: true, verbatimSymlinks: true });
      else await symlink(from, to);
      const blocks = blocksOf(text);
      const env = {
        ...(await environmentOfReader()),
        ...more,
        PATH: [join(folder, 'bin'), npmEnv.PATH].join(delimiter),
      };
      executed.push({ page, project: await runPage(blocks, { cwd: copy, env }), blocks });
    });
  }

  it('have code that type-checks', async () => {
    expect(await typeErrors(executed)).to.deep.equal([]);
  });
});
