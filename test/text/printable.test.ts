import { expect } from 'chai';
import * as fc from 'fast-check';
import { displayWidth, escaped, escapedJson, printable } from '../../src/text/printable.js';
import { adversarialTexts, expectLinear } from '../support/adversarial.js';
import { expectSafe, UNSAFE_TEXT } from '../support/unsafe-text.js';

const text = fc.string({ unit: 'binary', maxLength: 200 });

describe('printable text', () => {
  it('replaces unsafe characters by escape sequences, and keeps all others', () => {
    expect(escaped('\u001b[31m\u0007\u0085\r\n\t')).to.equal('\\u001b[31m\\u0007\\u0085\\r\\n\\t');
    expect(escaped('\u202eabc\u2066\u200b\u061c\ufeff\ud800\u{e0041}')).to.equal(
      '\\u202eabc\\u2066\\u200b\\u061c\\ufeff\\ud800\\u{e0041}',
    );
    expect(escaped('Zoë 日本語 🙂 «quoted» \\n')).to.equal('Zoë 日本語 🙂 «quoted» \\n');
    expectSafe('escaped', escaped(UNSAFE_TEXT));
  });

  it('fits its width on a terminal, whatever it contains', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 60 }), fc.constantFrom('end', 'middle'), (value, width, cutAt) => {
        const shown = printable(value, width, cutAt);
        expect(displayWidth(shown)).to.be.at.most(width);
        expectSafe('printable', shown);
        if (displayWidth(escaped(value)) <= width && value.length <= 8 * width) expect(shown).to.equal(escaped(value));
      }),
    );
  });

  it('counts wide characters as two columns and combining characters as none', () => {
    expect(displayWidth('日本語')).to.equal(6);
    expect(displayWidth('e\u0301')).to.equal(1);
    expect(printable('日本語日本語', 7)).to.equal('日本語…');
    expect(printable('日本語日本語', 7, 'middle')).to.equal('日…語');
  });

  it('is bounded for text of any length, and takes linear time', async () => {
    for (const [name, value] of Object.entries(adversarialTexts(2 ** 20))) {
      expect(printable(value, 100).length, name).to.be.below(1000);
    }
    await expectLinear('printable', (length) => printable('\u0301'.repeat(length), length));
  });

  it('as JSON parses to the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        for (const indent of [undefined, 2]) {
          const json = escapedJson(JSON.stringify(value, null, indent));
          expect(JSON.parse(json)).to.deep.equal(JSON.parse(JSON.stringify(value)));
          expectSafe('json', json);
        }
      }),
    );
  });
});
