import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { run } from '../support/packed-package.js';

const GUIDE = fileURLToPath(new URL('../../docs/guides/publishing-from-other-languages.md', import.meta.url));
/** The first version with `rand.Text`. */
const MINIMUM = [1, 24];

/** Why the code cannot be compiled here; undefined if it can. */
function obstacle(): string | undefined {
  const { error, stdout } = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' });
  if (error !== undefined) return 'Go is not installed';
  const [major = 0, minor = 0] = (/\d+\.\d+/.exec(stdout)?.[0] ?? '').split('.').map(Number);
  const isOld = major < (MINIMUM[0] ?? 0) || (major === MINIMUM[0] && minor < (MINIMUM[1] ?? 0));
  return isOld ? `Go is older than ${MINIMUM.join('.')}: ${stdout.trim()}` : undefined;
}

describe('the Go code of the guide on publishing @slow', function () {
  this.timeout(240_000);

  const reason = obstacle();
  it(`compiles with the current client${reason === undefined ? '' : ` (${reason})`}`, async function () {
    if (reason !== undefined) this.skip();
    const folder = await mkdtemp(join(tmpdir(), 'flotilla-go-'));
    try {
      const [, code = ''] = /^```go\n(.*?)^```$/ms.exec(await readFile(GUIDE, 'utf8')) ?? [];
      expect(code).to.contain('func main()');
      await writeFile(join(folder, 'main.go'), code);
      await run(folder, 'go', ['mod', 'init', 'example.org/publish']);
      await run(folder, 'go', ['get', 'github.com/rabbitmq/amqp091-go']);
      await run(folder, 'go', ['vet', '.']);
      await run(folder, 'go', ['build', '-o', 'publish', '.']);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
