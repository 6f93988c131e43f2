import { readFileSync } from 'node:fs';
import { expect } from 'chai';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Lockfile {
  packages: Record<string, { version?: string; resolved?: string; integrity?: string; link?: boolean }>;
}

describe('the packages', () => {
  const lock = JSON.parse(read('package-lock.json')) as Lockfile;
  /** Those that are not part of this repository. */
  const installed = Object.entries(lock.packages).filter(
    ([name, { link }]) => !['', 'application'].includes(name) && link !== true,
  );
  const application = JSON.parse(read('application/package.json')) as Record<string, Record<string, unknown>>;
  const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, unknown>>;

  it('name no registry: whoever installs them uses their own', () => {
    for (const [name, { resolved }] of installed) expect(resolved, name).to.equal(undefined);
    expect(read('.npmrc')).not.to.contain('://');
  });

  it('are fixed to one version each, with its hash', () => {
    const direct = { ...manifest.dependencies, ...manifest.devDependencies, ...application.dependencies };
    for (const [name, version] of Object.entries(direct)) expect(version, name).to.match(/^\d+\.\d+\.\d+$/);
    for (const [name, { integrity }] of installed) expect(integrity, name).to.be.a('string');
  });

  it('run no install scripts: every native part comes as a binary', () => {
    expect(read('.npmrc')).to.match(/^ignore-scripts=true$/m);
  });
});
