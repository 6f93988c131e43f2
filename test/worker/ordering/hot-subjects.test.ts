import { expect } from 'chai';
import { HotSubjects } from '../../../src/worker/ordering/hot-subjects.js';
import { seededRandom } from '../../support/seed.js';

const random = seededRandom('hot-subjects');

describe('the hottest subjects of a partition', () => {
  let now: number;
  let subjects: HotSubjects;
  beforeEach(() => {
    now = 1_000;
    subjects = new HotSubjects({ elapsed: () => now });
  });

  it('contain each subject with more than a twentieth of the messages, counted never too high', () => {
    const weights = [3_000, 2_000, 600];
    const sent = weights.flatMap((weight, index) => Array.from({ length: weight }, () => `hot ${index}`));
    while (sent.length < 10_000) sent.push(`cold ${sent.length % 2_500}`);
    for (const subject of sent.sort(() => random() - 0.5)) subjects.count('q', subject);
    const { messages, subjects: found } = subjects.of('q');
    expect(messages).to.equal(10_000);
    expect(found).to.have.length.at.most(20);
    for (const [index, weight] of weights.entries()) {
      const count = found.find(({ subject }) => subject === `hot ${index}`)?.count ?? 0;
      expect(count, `hot ${index}`).to.be.within(weight - 500, weight);
    }
    expect(found[0]?.subject).to.equal('hot 0');
  });

  it('are those of the last minutes', () => {
    subjects.count('q', 'a');
    now += 60_000;
    subjects.count('q', 'b');
    expect(subjects.of('q')).to.deep.equal({
      messages: 2,
      subjects: [
        { subject: 'a', count: 1 },
        { subject: 'b', count: 1 },
      ],
    });
    now += 60_000;
    expect(subjects.of('q').subjects.map(({ subject }) => subject)).to.deep.equal(['b']);
    now += 120_000;
    expect(subjects.of('q')).to.deep.equal({ messages: 0, subjects: [] });
    expect(subjects.of('other').messages).to.equal(0);
  });
});
