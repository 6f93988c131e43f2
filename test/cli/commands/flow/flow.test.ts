import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import * as flow from '../../../../src/cli/commands/flow/index.js';
import { runCommand } from '../../../support/command.js';
import { smallFleet, trips } from '../../../flow/support/small-fleet.js';

type Fleet = ReturnType<typeof smallFleet>;

describe('the command flow', () => {
  let cwd: string;
  beforeEach(async () => (cwd = await mkdtemp(join(tmpdir(), 'flotilla-flow-'))));
  afterEach(() => rm(cwd, { recursive: true, force: true }));

  const run = (args: string[], fleet: Fleet = smallFleet()) =>
    runCommand({ modules: [flow], fleet, env: {}, cwd }, ['flow', ...args]);
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.org', ...args], { cwd, stdio: 'pipe' });

  it('prints which part emits and which part reads each type, and what is wrong', async () => {
    const { code, out } = await run([], smallFleet({ cycles: false }));
    expect(code).to.equal(0);
    const lines = out.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '));
    expect(lines).to.include.members([
      'TYPE | EMITTED BY | READ BY',
      'flight.book | book-trip, flights | flights',
      'flight.booked | flights | book-trip, seats',
      'trip.closed | seats',
      'ERROR undeclared cycle | worker:flights → flight.book → worker:flights',
      'WARNING trip.closed is read by no part, and emitted by worker:seats',
    ]);
  });

  it('reduces the flow to a worker or to types, and refuses unknown names', async () => {
    const { out } = await run(['--worker', 'seats', '--type', 'flight.*', '--json']);
    const { edges } = JSON.parse(out) as { edges: { from: string; type: string; to: string }[] };
    expect(edges).to.deep.equal([
      { from: 'outside:https://airport.example', type: 'flight.delayed', to: 'worker:seats' },
      { from: 'worker:flights', type: 'flight.booked', to: 'worker:seats' },
      { from: 'worker:flights', type: 'flight.refused', to: 'worker:seats' },
    ]);
    expect(await run(['--worker', 'flight'])).to.include({ code: 1, out: '' });
    expect((await run(['--worker', 'flight'])).said).to.include('did you mean flights?');
    expect((await run(['--type', 'trip.lost'])).said).to.include('there is no type "trip.lost"');
    expect((await run(['--format', 'png'])).code).to.equal(2);
    expect((await run(['--check', '--format', 'svg'])).code).to.equal(2);
  });

  for (const [format, beginning] of [
    ['dot', 'digraph flow {\n'],
    ['mermaid', '---\ntitle: "Flow of messages"\n---\nflowchart LR\n'],
    ['svg', '<svg xmlns="http://www.w3.org/2000/svg" '],
    ['json', '{\n  "parts": [\n'],
  ] as const) {
    it(`prints the format ${format}`, async () => {
      const { code, out, said } = await run(['--format', format]);
      expect({ code, said }).to.deep.equal({ code: 0, said: '' });
      expect(out.startsWith(beginning), out.slice(0, 100)).to.equal(true);
    });
  }

  it('checks the committed flow and the cycles: exit code 1 names both; warnings do not fail', async () => {
    const missing = await run(['--check']);
    expect(missing.code).to.equal(1);
    expect(missing.out).to.include('schemas/flow.json is missing or out of date: run flotilla flow --write');
    expect((await run(['--write'])).out).to.equal('schemas/flow.json\n');
    const { code, out, said } = await run(['--check']);
    expect({ code, said }).to.deep.equal({ code: 0, said: '' });
    expect(out).to.equal(
      'WARNING trip.closed is read by no part, and emitted by worker:seats\n7 parts: 0 errors, 1 warning\n',
    );
    const cyclic = smallFleet({ cycles: false });
    const refused = await run(['--check'], cyclic);
    expect(refused.code).to.equal(1);
    expect(refused.out).to.include('ERROR undeclared cycle  worker:flights → flight.book → worker:flights\n');
    expect(refused.out).to.include('7 parts: 1 error, 1 warning\n');
    const json = JSON.parse((await run(['--check', '--json'], cyclic)).out) as {
      cycles: unknown[];
      outdated: string[];
    };
    expect(json.cycles).to.have.length(1);
    expect(json.outdated).to.deep.equal(['schemas/flow.json']);
  });

  it('shows what a branch has changed', async () => {
    git('init', '--quiet', '--initial-branch=main');
    git('commit', '--quiet', '--allow-empty', '--message=begin');
    expect(await run(['--diff', 'main'])).to.include({ code: 2, out: '' });
    await run(['--write']);
    git('add', '.');
    git('commit', '--quiet', '--message=flow');
    expect(await run(['--diff', 'main'])).to.deep.include({ code: 0, out: '', said: 'The flow has not changed.\n' });
    git('switch', '--quiet', '--create', 'more');
    const { workers, ...rest } = smallFleet({ cycles: false });
    const upgrades = trips.defineWorker({
      name: 'upgrades',
      emits: ['flight.refused'],
      on: { 'seat.assigned': () => undefined, 'flight.refused': () => undefined },
    });
    const changed = { ...rest, workers: [...workers.filter(({ name }) => name !== 'seats'), upgrades] };
    await run(['--write'], changed);
    git('commit', '--quiet', '--all', '--message=more');
    const { out } = await run(['--diff', 'main'], changed);
    expect(out.split('\n')).to.deep.equal([
      '+ worker:upgrades',
      '- worker:seats',
      '+ worker:upgrades emits flight.refused',
      '- worker:seats emits trip.closed',
      '+ worker:upgrades reads flight.refused',
      '+ worker:upgrades reads seat.assigned',
      '- worker:seats reads flight.booked',
      '- worker:seats reads flight.delayed',
      '- worker:seats reads flight.refused',
      '- worker:flights declares a cycle of flight.book',
      '+ undeclared cycle worker:flights → flight.book → worker:flights',
      '+ undeclared cycle worker:upgrades → flight.refused → worker:upgrades',
      '',
    ]);
    const { emits } = JSON.parse((await run(['--diff', 'main', '--json'], changed)).out) as {
      emits: { added: unknown };
    };
    expect(emits.added).to.deep.equal([{ part: 'worker:upgrades', type: 'flight.refused' }]);
    const unknown = await run(['--diff', 'nowhere']);
    expect(unknown.code).to.equal(1);
    expect(unknown.said).to.include('nowhere');
  });

  it('refuses a committed flow that it cannot read', async () => {
    git('init', '--quiet', '--initial-branch=main');
    await run(['--write']);
    await writeFile(join(cwd, 'schemas/flow.json'), '{"parts": [{}]}');
    git('add', '.');
    git('commit', '--quiet', '--message=flow');
    const { code, said } = await run(['--diff', 'main']);
    expect(code).to.equal(1);
    expect(said).to.match(/^contract\.bad_schema_file: .*schemas\/flow\.json/);
    expect(await readFile(join(cwd, 'schemas/flow.json'), 'utf8')).to.include('{}');
  });
});
