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
    const [set, other] = [new IdSet(), new IdSet()];
    const known = new Set<string>();
    for (let n = 0; n < 12_000; n += 1) {
      const id = forms[n % forms.length]?.() ?? '';
      const source = 1 + (n % 3);
      const name = `${source} ${id}`;
      const isNew = !known.has(name);
      known.add(name);
      // a part of the ids is in the other set only
      if (n % 5 === 0) {
        if (isNew) other.add(source, id);
        continue;
      }
      expect(set.add(source, id, other), name).to.equal(isNew);
      if (n % 100 === 1) expect(set.add(source, id, other), name).to.equal(false);
    }
    expect(set.size + other.size).to.equal(known.size);
    for (const each of known) {
      const [source = '', ...id] = each.split(' ');
      expect(set.add(Number(source), id.join(' '), other), each).to.equal(false);
    }
    for (let n = 0; n < 2_000; n += 1) {
      const id = forms[n % forms.length]?.() ?? '';
      for (const source of [1, 2, 3, 4]) expect(set.add(source, id, other)).to.equal(!known.has(`${source} ${id}`));
      for (const source of [1, 2, 3, 4]) known.add(`${source} ${id}`);
    }
    set.clear();
    expect(set.size).to.equal(0);
    const [first = ''] = [...known].slice(1);
    const [source = '', ...id] = first.split(' ');
    expect(set.add(Number(source), id.join(' '))).to.equal(true);
  });

  it('tells apart ids that differ in one digit', () => {
    const set = new IdSet();
    const id = '01234567-89ab-8def-8123-456789abcdef';
    const others = [...id].map((digit, at) => `${id.slice(0, at)}${digit === '0' ? '1' : '0'}${id.slice(at + 1)}`);
    for (const each of [id, ...others]) expect(set.add(1, each), each).to.equal(true);
  });
});
