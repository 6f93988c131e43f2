import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import fleet from '../../config/fleet.js';
import { cliPage, examplesOf, leaves, nameOf, program } from '../../scripts/reference/cli.js';
import { outdated } from '../../scripts/reference/compare.js';
import { routeProblems, serverProblems } from '../../scripts/reference/http.js';
import { referencePages } from '../../scripts/reference/pages.js';

const folder = fileURLToPath(new URL('../../docs/reference', import.meta.url));
const commands = leaves(await program());

describe('the reference', () => {
  it('is up to date; run npm run docs:reference', async () => {
    expect(outdated(await referencePages(), folder)).to.deep.equal([]);
  });

  it('is out of date when the help of a command changes', async () => {
    const changed = await program();
    leaves(changed)
      .find((command) => nameOf(command) === 'dead list')
      ?.option('--new', 'a new option');
    const [difference = '', ...others] = outdated({ 'cli.md': cliPage(changed) }, folder);
    expect(difference)
      .to.match(/^cli\.md:\d+ is /)
      .and.contain('--new');
    expect(others).to.deep.equal([]);
  });

  it('is out of date when a page is missing, is longer or ends earlier', () => {
    const temporary = mkdtempSync(join(tmpdir(), 'flotilla-reference-'));
    try {
      const compared = (text: string) => {
        writeFileSync(join(temporary, 'a.md'), text);
        return outdated({ 'a.md': 'one\ntwo\n' }, temporary).length;
      };
      expect(outdated({ 'a.md': 'one\n' }, temporary)).to.have.length(1);
      expect([compared('one\ntwo\n'), compared('one\ntwo\nthree\n'), compared('one\n')]).to.deep.equal([0, 1, 1]);
    } finally {
      rmSync(temporary, { recursive: true });
    }
  });

  for (const command of commands) {
    it(`has examples of flotilla ${nameOf(command)} that the command accepts`, () => {
      const lines = examplesOf(command).filter((line) => !line.startsWith('#'));
      expect(lines).not.to.deep.equal([]);
      for (const line of lines) {
        const words = (line.replace(/ > .*/, '').match(/'[^']*'|\S+/g) ?? []).filter((word) => !/^[A-Z_]+=/.test(word));
        const name = ['flotilla', ...nameOf(command).split(' ')];
        expect(words.slice(0, name.length), line).to.deep.equal(name);
        const { operands, unknown } = command.parseOptions(
          words.slice(name.length).map((word) => word.replace(/^'|'$/g, '')),
        );
        const [first = ''] = operands;
        const declared = Object.keys(fleet.simulations?.[first]?.options.shape ?? {}).map((key) => `--${key}`);
        const isDeclared = nameOf(command) === 'simulate' && declared.includes(unknown[0] ?? '');
        expect(isDeclared ? unknown.slice(2) : unknown, line).to.deep.equal([]);
        const required = command.registeredArguments.filter((argument) => argument.required).length;
        const variadic = command.registeredArguments.some((argument) => argument.variadic);
        expect(operands.length, line).to.be.within(required, variadic ? 99 : command.registeredArguments.length);
      }
    });
  }

  it('describes every setting, variable, problem and field of a table with a meaning', async () => {
    for (const [name, text] of Object.entries(await referencePages())) {
      if (!['configuration.md', 'metrics.md', 'errors.md'].includes(name)) continue;
      expect(
        text.split('\n').filter((line) => /^\|.*\|\s+\|$/.test(line)),
        name,
      ).to.deep.equal([]);
    }
    const problems = [...serverProblems(), ...routeProblems(fleet)];
    expect(problems.filter(({ remedy }) => remedy === undefined)).to.deep.equal([]);
  });

  it('has one title for each problem type, and one problem type for each title', () => {
    const titles = [...serverProblems(), ...routeProblems(fleet)].map(({ title }) => title);
    expect(new Set(titles).size).to.equal(titles.length);
  });
});
