import { expect } from 'chai';
import { newId } from '../../src/events/ids.js';
import { decodeIds, IdList } from '../../src/windows/state/id-list.js';

describe('a list of the ids of events', () => {
  const listOf = (ids: readonly string[]) => {
    const list = new IdList();
    for (const id of ids) list.add(id);
    return list;
  };
  const idsOf = (list: IdList, limit: number) => {
    const rows = [...list.rows(limit)].map(({ size, ids }) => ({ size, ids: decodeIds(ids) }));
    for (const { size, ids } of rows) expect(ids).to.have.length(size).and.length.at.most(limit);
    return rows.flatMap(({ ids }) => ids);
  };

  it('returns in rows what was added, UUIDs as bytes and other ids as they are', () => {
    const uuids = Array.from({ length: 1_000 }, () => newId());
    uuids.push('ffffffff-ffff-ffff-ffff-ffffffffffff', '00000000-0000-0000-0000-000000000000');
    const others = ['1', 'topic/0/17', newId().toUpperCase(), ''];
    const list = listOf([...others, ...uuids]);
    for (const limit of [1, 7, 1_002, 5_000]) expect(idsOf(list, limit)).to.deep.equal([...uuids, ...others]);
    const bytes = [...list.rows(1_002)].reduce((sum, { ids }) => sum + JSON.stringify(ids).length, 0);
    expect(bytes).to.be.below(uuids.length * 22);
  });

  it('joins lists in order', () => {
    const ids = Array.from({ length: 300 }, () => newId());
    const joined = new IdList();
    for (const size of [0, 1, 99, 200]) {
      const others = size === 1 ? ['other'] : [];
      joined.addAll(listOf([...ids.splice(0, size), ...others]));
    }
    expect(ids).to.deep.equal([]);
    expect(idsOf(joined, 64)).to.have.length(301).and.to.include('other');
    expect(new Set(idsOf(joined, 64))).to.have.property('size', 301);
    expect(idsOf(new IdList(), 10)).to.deep.equal([]);
  });

  it('reads the ids that earlier releases have stored as texts', () => {
    const ids = [newId(), 'other'];
    expect(decodeIds(ids)).to.deep.equal(ids);
  });
});
