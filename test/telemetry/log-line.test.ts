import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { createLogger } from '../../src/telemetry/logger.js';
import { expectSafe, UNSAFE_TEXT } from '../support/unsafe-text.js';

function logged(format: 'json' | 'text', write: (logger: ReturnType<typeof createLogger>) => void): string {
  const stream = new PassThrough();
  write(createLogger({ format, stream, level: 'debug', fields: { process: 'test' } }));
  return String(stream.read(stream.readableLength) ?? '');
}

describe('a log line', () => {
  for (const format of ['json', 'text'] as const) {
    it(`as ${format} is a single line without control characters, whatever is logged`, () => {
      const fields = { type: UNSAFE_TEXT, [UNSAFE_TEXT]: UNSAFE_TEXT, nested: { list: [UNSAFE_TEXT] } };
      const output = logged(format, (logger) => logger.warn(UNSAFE_TEXT, fields));
      expectSafe(format, output);
      expect(output.split('\n')).to.have.length(2);
    });

    it(`as ${format} contains no secrets and no personal data`, () => {
      const output = logged(format, (logger) =>
        logger.error('amqp://ada:hunter2@broker failed', {
          error: new Error('550 <ada@example.org>'),
          tried: ['https://pay.example/?key=k123'],
          stack: 'Error: tok_visa_1\n    at ada@example.org',
        }),
      );
      expect(output).not.to.match(/hunter2|ada@|k123|tok_visa/);
    });

    it(`as ${format} is bounded, and is written for fields that are not JSON`, () => {
      const circular: Record<string, unknown> = { size: 12n };
      circular.self = circular;
      const output = logged(format, (logger) => {
        logger.info('x'.repeat(1_000_000));
        logger.info('circular', { circular });
        logger.info('big', { size: 12n });
      });
      expect(output.length).to.be.below(30_000);
      expect(output)
        .to.contain('circular')
        .and.to.match(/"?size"?[:=]"?12/);
    });
  }

  it('as text quotes fields with spaces, and marks the lines of a stack', () => {
    const output = logged('text', (logger) =>
      logger.warn('went  wrong', { code: 'a.b', reason: 'no level=error  code=x', stack: 'Error: no\n    at here' }),
    );
    expect(output.replace(/^\S+/, 'TIME')).to.equal(
      'TIME warn  went wrong  process=test code=a.b reason="no level=error  code=x"\n  | Error: no\n  |     at here\n',
    );
  });
});
