import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { blocksOf } from './support/blocks.js';
import { isExpectedOutput } from './support/expected-output.js';
import { runPage } from './support/run-page.js';
import { typeErrors } from './support/type-check.js';

const FENCE = '```';
const page = (...blocks: string[]) => blocks.map((block) => `${FENCE}${block}\n${FENCE}\n`).join('\n');

const failureOf = (running: Promise<unknown>): Promise<string> =>
  running.then(
    () => 'it succeeded',
    (error: unknown) => (error as Error).message,
  );

describe('executing a page', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-page-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const execute = (markdown: string) => runPage(blocksOf(markdown), { cwd: folder, env: process.env });

  it('keeps folder and variables between blocks, and writes files to the folder of the terminal', async () => {
    const end = await execute(
      page(
        'sh\nmkdir shop\ncd shop\nNAME=Ada',
        'ts file=a/b.ts\nconst x = 1;',
        'sh\necho $NAME; cat a/b.ts',
        'text\nAda\nconst x = 1;',
      ),
    );
    expect(end).to.equal(join(folder, 'shop'));
    expect(await readFile(join(end, 'a/b.ts'), 'utf8')).to.equal('const x = 1;\n');
  });

  it('fails at the line of a command that fails, with its output', async () => {
    const message = await failureOf(execute(page('sh\necho one', 'sh\necho two\nfalse\necho three')));
    expect(message)
      .to.match(/^line 5: .*a command failed/)
      .and.to.contain('two')
      .and.not.to.match(/^three/m);
  });

  it('fails at a command whose output is not the one that the page shows', async () => {
    expect(await failureOf(execute(page('sh\necho one', 'text\ntwo')))).to.contain('line 1: Error: printed\none');
  });

  it('repeats a block that prints its output eventually', async () => {
    await execute(page('sh eventually\necho x >> file; wc -l < file', 'text\n3'));
  });

  it('runs a program in a second terminal until the next one or the end', async () => {
    const trap = `trap 'echo $0 >> stopped; exit' INT; echo ready; while true; do sleep 0.05; done`;
    const end = await execute(
      page(
        `sh terminal=2\n${trap}`,
        'text\nready',
        'sh terminal=2\ncat stopped; sleep 60',
        'text\n…bash',
        'sh manual\nfalse',
      ),
    );
    expect(await readFile(join(end, 'stopped'), 'utf8')).to.equal('bash\n');
  });

  it('fails when the program of the second terminal ends before it prints what the page shows', async () => {
    const message = await failureOf(execute(page('sh terminal=2\necho no', 'text\nyes')));
    expect(message).to.contain('line 1: Error: the program has ended').and.to.contain('second terminal:\nno');
  });

  it('refuses blocks that would not be executed: indented ones and ones without an end', () => {
    expect(() => blocksOf(`1. x\n\n   ${FENCE}sh\n   false\n   ${FENCE}`)).to.throw('line 3: an indented block');
    expect(() => blocksOf(`${FENCE}sh\nfalse`)).to.throw('line 1: the block has no end');
  });
});

describe('the code of a page', () => {
  it('is type-checked as a module of the project, and an error names the line of the page', async () => {
    const project = await mkdtemp(join(tmpdir(), 'flotilla-types-'));
    try {
      await writeFile(
        join(project, 'tsconfig.json'),
        '{ "compilerOptions": { "types": [], "lib": ["es2023"] }, "include": ["a.ts"] }',
      );
      await writeFile(join(project, 'a.ts'), 'export const a = 1;');
      const blocks = blocksOf(
        page(
          'ts\nimport { a } from "./a.js";\nexport const b: string = a;',
          'ts fragment\nundeclared();',
          'ts file=a.ts\nundeclared();',
        ),
      );
      expect(await typeErrors([{ page: 'x.md', project, blocks }])).to.deep.equal([
        "x.md, line 3: Type 'number' is not assignable to type 'string'.",
      ]);
    } finally {
      await rm(project, { recursive: true, force: true });
    }
  });
});

describe('the output that a page shows', () => {
  it('stands for anything at an ellipsis', () => {
    expect(isExpectedOutput('ID … STATE\n…\nlast', 'ID  NAME  STATE\na\nb\nlast\n')).to.equal(true);
    expect(isExpectedOutput('…\n{"id":"…","n":1…', 'HTTP 200\n{"id":"x","n":1,"m":2}\n')).to.equal(true);
    expect(isExpectedOutput('one\n…', 'one')).to.equal(true);
    expect(isExpectedOutput('one', 'one\ntwo')).to.equal(false);
    expect(isExpectedOutput('one', 'one\ntwo', { open: true })).to.equal(true);
    expect(isExpectedOutput('a.c', 'abc')).to.equal(false);
  });
});
