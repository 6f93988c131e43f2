import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseFleetKeys } from '../../../src/broker/signing/fleet-keys.js';
import { derivedId } from '../../../src/events/ids.js';
import { createFleetKey, FLEET_KEY_FILE, readFleetKey } from '../../../src/supervisor/data-directory/fleet-key-file.js';

describe('the key of a data directory', () => {
  let folder: string;
  const now = Date.parse('2026-06-01T12:00:00Z');
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'flotilla-key-'))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is created once, readable by its owner only', async () => {
    expect(readFleetKey(folder)).to.equal(undefined);
    expect(createFleetKey(folder, now)).to.equal('created');
    const text = readFleetKey(folder) ?? '';
    expect(createFleetKey(folder, now)).to.equal('exists');
    expect(readFleetKey(folder)).to.equal(text);
    expect((await stat(join(folder, FLEET_KEY_FILE))).mode & 0o777).to.equal(0o600);
    expect(await readdir(folder)).to.deep.equal([FLEET_KEY_FILE]);
    const { deriveId } = parseFleetKeys(text);
    expect(deriveId(0, 'a')).to.not.equal(derivedId(0, 'a'));
  });

  it('does not change the ids derived for events of existing stores', async () => {
    await writeFile(join(folder, 'core.db'), '');
    expect(createFleetKey(folder, now)).to.equal('created for existing stores');
    const { deriveId } = parseFleetKeys(readFleetKey(folder) ?? '');
    expect(deriveId(now - 1, 'a')).to.equal(derivedId(now - 1, 'a'));
    expect(deriveId(now, 'a')).to.not.equal(derivedId(now, 'a'));
  });
});
