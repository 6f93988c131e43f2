import { readFileSync } from 'node:fs';
import { expect } from 'chai';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Lockfile {
  packages: Record<
    string,
    { version?: string; resolved?: string; integrity?: string; link?: boolean; hasInstallScript?: boolean }
  >;
}

describe('the packages', () => {
  const lock = JSON.parse(read('package-lock.json')) as Lockfile;
  /** Packages outside this repository. */
  const installed = Object.entries(lock.packages).filter(
    ([name, { link }]) => !['', 'application'].includes(name) && link !== true,
  );
  const application = JSON.parse(read('application/package.json')) as Record<string, Record<string, unknown>>;
  const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, unknown>>;

  it('name no registry, so that npm installs them from the configured one', () => {
    for (const [name, { resolved }] of installed) expect(resolved, name).to.equal(undefined);
    expect(read('.npmrc')).not.to.contain('://');
  });

  it('are pinned to one version each, with its hash', () => {
    const direct = { ...manifest.dependencies, ...manifest.devDependencies, ...application.dependencies };
    for (const [name, version] of Object.entries(direct))
      expect(version, name).to.match(/^(npm:[a-z]+@)?\d+\.\d+\.\d+$/);
    for (const [name, { integrity }] of installed) expect(integrity, name).to.be.a('string');
  });

  it('run no install scripts: every native part is prebuilt', () => {
    const { allowScripts } = manifest;
    for (const [name, { hasInstallScript }] of installed) {
      if (hasInstallScript === true)
        expect(allowScripts, name).to.have.property(name.split('node_modules/').at(-1) ?? '', false);
    }
    expect(read('scripts/packages.mjs')).to.match(/'ci',.*'--ignore-scripts'/);
    expect(read('Dockerfile')).to.match(/^RUN npm ci --ignore-scripts$/m);
  });
});
