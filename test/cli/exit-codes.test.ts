import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Command } from 'commander';
import fleet from '../../config/fleet.js';
import { loadCommands } from '../../src/cli/commands/index.js';
import { buildProgram, type CommandModule } from '../../src/cli/program.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { contextFor, runCommand } from '../support/command.js';

/** The words of each command that does something. */
function leavesOf(command: Command, path: readonly string[] = []): string[][] {
  if (command.commands.length === 0) return [[...path]];
  return command.commands.flatMap((each) => leavesOf(each, [...path, each.name()]));
}

describe('exit codes', function () {
  this.timeout(60_000);
  let cwd: string;
  let modules: CommandModule[];
  before(async () => {
    modules = await loadCommands();
    cwd = await mkdtemp(join(tmpdir(), 'flotilla-exit-'));
    await (await openSqliteStore({ service: 'ops', path: join(cwd, 'ops.db') })).close();
  });
  after(() => rm(cwd, { recursive: true, force: true }));

  const run = (...args: string[]) => {
    const env = { DATA_DIR: cwd, AMQP_URL: 'amqp://127.0.0.1:1', AMQP_MANAGEMENT_URL: 'http://127.0.0.1:1' };
    return runCommand({ modules, fleet, env, cwd }, args);
  };

  it('are 2 for an unknown option of any command', async () => {
    const nowhere = { print: () => undefined, say: () => undefined };
    const program = buildProgram(modules, contextFor({ fleet, env: {}, cwd }, nowhere), '0');
    const paths = leavesOf(program);
    expect(paths.length).to.be.above(30);
    for (const path of paths) {
      const { code } = await run(...path, '--no-such-option');
      expect(code, path.join(' ')).to.equal(2);
    }
  });

  for (const args of [
    ['nonsense'],
    ['dead', 'nonsense'],
    ['dead', 'list', '--limit', 'many'],
    ['events', 'list', '--since', 'once'],
    ['events', 'publish', 'user.created', '{'],
    ['up', '--scale', 'payment=many'],
    ['status', '--watch', 'often'],
  ]) {
    it(`are 2 for incorrect usage: ${args.join(' ')}`, async () => {
      expect((await run(...args)).code).to.equal(2);
    });
  }

  for (const [args, error] of [
    [['worker', 'paiment'], 'name.unknown'],
    [['dead', 'list', 'paiment'], 'name.unknown'],
    [['dead', 'list', '--type', 'payment.proces'], 'name.unknown'],
    [['dead', 'show', 'abc'], 'dead_letter.not_found'],
    [['events', 'types', 'user.creatd'], 'name.unknown'],
    [['events', 'publish', 'user.creatd', '{}'], 'name.unknown'],
    [['projections', 'show', 'nothing'], 'name.unknown'],
    [['retrying', 'list', 'paiment'], 'name.unknown'],
  ] as const) {
    it(`are 1 for an unknown name, id or type: ${args.join(' ')}`, async () => {
      const { code, said } = await run(...args);
      expect(said).to.contain(error);
      expect(code).to.equal(1);
    });
  }
});
