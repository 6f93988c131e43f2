import { expect } from 'chai';
import { IdSet } from '../../src/windows/state/id-set.js';
import { seed, seededRandom } from '../support/seed.js';

describe('a set of the ids of events', () => {
  it(`contains what was added, by source, whatever its form (TEST_SEED=${seed})`, () => {
    const random = seededRandom('id-set');
    const hex = (length: number) => Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');
    const uuid = () => [8, 4, 4, 4, 12].map(hex).join('-');
    const forms = [
      uuid,
      () => `00000000-0000-8000-8000-${hex(12)}`,
      () => uuid().toUpperCase(),
      () => uuid().replaceAll('-', ' '),
      () => `${uuid().slice(1)}g`,
      () => hex(5),
    ];
    const set = new IdSet();
    const known = new Set<string>();
    for (let n = 0; n < 12_000; n += 1) {
      const id = forms[n % forms.length]?.() ?? '';
      const source = 1 + (n % 3);
      set.add(source, id);
      known.add(`${source} ${id}`);
      if (n % 100 === 0) set.add(source, id);
    }
    expect(set.size).to.equal(known.size);
    for (const each of known) {
      const [source = '', ...id] = each.split(' ');
      expect(set.has(Number(source), id.join(' ')), each).to.equal(true);
    }
    const [first = ''] = [...known];
    for (let n = 0; n < 2_000; n += 1) {
      const id = forms[n % forms.length]?.() ?? '';
      for (const source of [1, 2, 3, 4]) expect(set.has(source, id)).to.equal(known.has(`${source} ${id}`));
    }
    set.clear();
    expect(set.size).to.equal(0);
    const [source = '', ...id] = first.split(' ');
    expect(set.has(Number(source), id.join(' '))).to.equal(false);
  });
});
