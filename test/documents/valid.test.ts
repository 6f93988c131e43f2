import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { openApi } from '../../src/api/openapi/document.js';
import { fleetDocuments } from '../../src/documents/fleet-documents.js';
import type { Fleet } from '../../src/fleet/define-fleet.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { run } from '../support/packed-package.js';
import platformFleet from '../../config/fleet.js';
import { oddFleet } from './support/odd-fleet.js';

interface Report {
  problems: { ruleId: string; message: string }[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = (path: string) => fileURLToPath(new URL(path, import.meta.url));

describe('the published documents', function () {
  this.timeout(120_000);
  let folder: string;
  const files = { platform: '', odd: '', withToken: '', withoutToken: '' };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-documents-'));
    const write = async (name: keyof typeof files, content: string) => {
      files[name] = join(folder, `${name}.json`);
      await writeFile(files[name], content);
    };
    const documentsOf = (fleet: Fleet) => {
      const info = { title: 'Documents', version: '1', ...fleet.api?.info };
      const options = { info, prefix: 'shop-', root, logger: silentLogger() };
      const documents = fleetDocuments(fleet, options);
      const content = async (path: string) =>
        String(await documents.find((each) => each.path === path)?.content({ params: {}, baseUrl: '' }));
      return { info, documents, content };
    };
    const shop = documentsOf(platformFleet);
    await write('platform', await shop.content('/asyncapi.json'));
    await write('odd', await documentsOf(oddFleet).content('/asyncapi.json'));
    const routes = platformFleet.api?.routes({}) ?? [];
    for (const token of [true, false]) {
      const document = openApi(routes, shop.info, { token, documents: shop.documents });
      await write(token ? 'withToken' : 'withoutToken', JSON.stringify(document));
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('are valid AsyncAPI 3 for the official parser', async () => {
    const parse = program('support/parse-asyncapi.mjs');
    const printed = await run(root, process.execPath, [parse, files.platform, files.odd]);
    expect(JSON.parse(printed)).to.deep.equal([[], []]);
  });

  it('pass the recommended rules of Redocly, as AsyncAPI and as OpenAPI with and without a token', async () => {
    const cli = fileURLToPath(import.meta.resolve('@redocly/cli/bin/cli.js'));
    const checked = [files.platform, files.withToken, files.withoutToken];
    const printed = await run(
      folder,
      process.execPath,
      [cli, 'lint', '--extends=recommended', '--format=json', ...checked],
      {
        REDOCLY_TELEMETRY: 'off',
        REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
      },
    );
    // one JSON object for each file, without a separator
    const reports = printed.split(/(?=\{\n {2}"totals")/).map((report) => JSON.parse(report) as Report);
    expect(reports).to.have.length(checked.length);
    const problems = reports.flatMap((report) => report.problems);
    expect(problems.map(({ ruleId, message }) => `${ruleId}: ${message}`)).to.deep.equal([]);
  });
});
