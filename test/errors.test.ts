import { expect } from 'chai';
import { errorOf, FlotillaError, messageOf, PermanentError, stackOf } from '../src/errors.js';
import { problemOf } from '../src/api/problems/problems.js';
import { failureOf } from '../src/worker/pipeline/failure.js';
import { callDependency, isUnavailable } from '../src/worker/handler/call-dependency.js';
import { hostileThrows } from './support/hostile-throws.js';

describe('error conversion of any thrown value', () => {
  for (const [what, make] of Object.entries(hostileThrows)) {
    it(`returns a bounded text: ${what}`, async () => {
      expect(messageOf(make())).to.be.a('string').and.have.property('length').below(10_001);
      expect(stackOf(make()) ?? '').to.have.length.below(10_001);
      const error = errorOf(make());
      expect(String(error)).to.be.a('string');
      expect(problemOf(error).status).to.equal(500);
      expect(isUnavailable(make())).to.equal(false);
      const failure = failureOf(make());
      expect(failure).to.include({ code: 'worker.handler_failed', disposal: 'retry', counted: true });
      expect(failure.message).to.be.a('string').and.have.length.below(501);
      expect(failure.name).to.be.a('string').and.have.length.below(101);
      const called = await callDependency('gateway', () => Promise.reject(make() as Error)).catch(
        (thrown: unknown) => thrown,
      );
      expect(messageOf(called)).to.be.a('string');
    });
  }

  it('keeps valid errors, codes and texts unchanged', () => {
    const error = new PermanentError('order.closed', 'closed');
    expect(errorOf(error)).to.equal(error);
    expect(failureOf(new FlotillaError('store.full'))).to.include({ code: 'store.full', name: 'FlotillaError' });
    expect(failureOf('text')).to.include({ name: 'string', message: 'text' });
    for (const code of [undefined, '', 7, {}]) {
      expect(failureOf(new PermanentError(code as never, 'no'))).to.include({ code: 'worker.permanent' });
    }
    expect(failureOf(new PermanentError('c'.repeat(100_000), 'no')).code).to.have.length(100);
  });
});
