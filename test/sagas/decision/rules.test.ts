import { expect } from 'chai';
import { begun, TripRun } from '../support/trip.js';

const UNKNOWN = 'saga.not_found';

describe('a saga', () => {
  it('executes its steps in order, with the results of earlier answers', () => {
    const trip = new TripRun();
    expect(trip.receive('trip.asked', { days: 3 })).to.deep.equal(['started', 'step_started flight forward 1']);
    expect(trip.receive('flight.booked', { seat: '7A' })).to.deep.equal([
      'step_completed flight forward 1',
      'step_started hotel forward 1',
    ]);
    expect(trip.state.results).to.deep.equal({ flight: '7A' });
    expect(trip.receive('hotel.booked')).to.deep.equal([
      'step_completed hotel forward 1',
      'step_started mail forward 1',
    ]);
    expect(trip.receive('mail.sent')).to.deep.equal(['step_completed mail forward 1', 'completed']);
    expect(trip.state).to.include({ status: 'completed', waiting: undefined });
  });

  it('compensates in reverse order when a step is refused, and not the refused step', () => {
    const trip = begun('flight.booked');
    expect(trip.receive('hotel.refused', { reason: 'full' })).to.deep.equal([
      'step_failed hotel forward 1 answer full for good',
      'compensating hotel step_failed full',
      'step_started flight back 1',
    ]);
    expect(trip.receive('flight.cancelled')).to.deep.equal(['step_completed flight back 1', 'compensated']);
  });

  it('has nothing to compensate when the first step is refused', () => {
    expect(begun().receive('flight.refused', { reason: 'sold out' })).to.deep.equal([
      'step_failed flight forward 1 answer sold out for good',
      'compensating flight step_failed sold out',
      'compensated',
    ]);
  });

  it('retries a step without an answer, then abandons and compensates it, because it may have been executed', () => {
    const trip = begun();
    expect(trip.wait()).to.deep.equal(['step_failed flight forward 1 timeout no answer within 1m again']);
    expect(trip.wait()).to.deep.equal(['step_started flight forward 2']);
    expect(trip.wait()).to.deep.equal(['step_failed flight forward 2 timeout no answer within 1m again']);
    expect(trip.wait()).to.deep.equal(['step_started flight forward 3']);
    expect(trip.now - Date.parse('2026-01-01T00:00:00Z')).to.equal((60 + 10 + 60 + 20) * 1000);
    expect(trip.wait()).to.deep.equal([
      'step_failed flight forward 3 timeout no answer within 1m for good',
      'compensating flight step_failed no answer within 1m',
      'step_started flight back 1',
    ]);
    expect(new Set(trip.state.steps['flight']?.forward.commands).size).to.equal(3);
  });

  it('retries a refused step only if its retry policy allows it', () => {
    const trip = begun();
    expect(trip.receive('flight.refused', { reason: 'busy' })).to.deep.equal([
      'step_failed flight forward 1 answer busy again',
    ]);
    expect(trip.wait()).to.deep.equal(['step_started flight forward 2']);
    expect(trip.receive('flight.booked', { seat: '1' })[0]).to.equal('step_completed flight forward 2');
  });

  it('accepts the answer to an earlier attempt while it waits for the next one', () => {
    const trip = begun();
    trip.wait();
    expect(trip.receive('flight.booked', { seat: '1' })).to.deep.equal([
      'step_completed flight forward 1',
      'step_started hotel forward 1',
    ]);
    expect(trip.timer({ step: 'flight', direction: 'forward', attempt: 1, timer: 'retry' })).to.deep.equal([]);
  });

  it('ignores a timer for which it does not wait', () => {
    const trip = begun('flight.booked');
    for (const other of [
      { attempt: 2 },
      { step: 'flight' },
      { direction: 'back' },
      { timer: 'retry' },
      { saga: 'x' },
    ]) {
      expect(trip.timer(other), JSON.stringify(other)).to.deep.equal([]);
    }
  });

  describe('that is cancelled', () => {
    it('without a reason, records that it was on request', () => {
      expect(begun().receive('trip.dropped', {})[0]).to.equal('compensating cancelled on request');
      expect(begun().receive('trip.dropped', { reason: ' ' })[0]).to.equal('compensating cancelled on request');
    });

    it('with a long reason, keeps one short line', () => {
      const trip = begun();
      trip.receive('trip.dropped', { reason: `first\r\n\u2028second ${'x'.repeat(1000)}` });
      expect(trip.state.reason)
        .to.match(/^first second x+…$/)
        .and.to.have.length(300);
    });

    it('before the start, executes nothing', () => {
      const trip = new TripRun();
      expect(trip.receive('trip.dropped', { reason: 'ill' })).to.deep.equal(['message_noted early_cancel ill']);
      expect(trip.state.status).to.equal('none');
      expect(trip.receive('trip.asked', { days: 1 })).to.deep.equal([
        'started',
        'compensating cancelled ill',
        'compensated',
      ]);
    });

    it('while a step is awaited, compensates that step as well', () => {
      const trip = begun('flight.booked');
      expect(trip.receive('trip.dropped', { reason: 'ill' })).to.deep.equal([
        'compensating cancelled ill',
        'step_started hotel back 1',
      ]);
      expect(trip.receive('hotel.cancelled')).to.deep.equal([
        'step_completed hotel back 1',
        'step_started flight back 1',
      ]);
      expect(trip.receive('flight.cancelled')).to.deep.equal(['step_completed flight back 1', 'compensated']);
    });

    it('after it completed, compensates every step that can be', () => {
      const trip = begun('flight.booked', 'hotel.booked', 'mail.sent');
      expect(trip.receive('trip.dropped', { reason: 'ill' })).to.deep.equal([
        'compensating cancelled ill',
        'step_started hotel back 1',
      ]);
    });

    it('twice, is compensated once', () => {
      const trip = begun('flight.booked');
      trip.receive('trip.dropped', { reason: 'ill' });
      expect(trip.receive('trip.dropped', { reason: 'ill' })).to.deep.equal(['message_noted already_undone ill']);
    });
  });

  describe('answered late', () => {
    const givenUp = () => {
      const trip = begun('flight.booked');
      trip.wait(); // the hotel never answers, and the step is not retried
      return trip;
    };

    it('while that step is compensated, compensates it again and ignores the outdated answer', () => {
      const trip = givenUp();
      const first = trip.command('hotel', 'back');
      expect(trip.receive('hotel.booked')).to.deep.equal(['message_noted hotel late', 'step_started hotel back 2']);
      expect(trip.receive('hotel.cancelled', {}, first)).to.deep.equal(['message_noted hotel outdated']);
      expect(trip.receive('hotel.cancelled', {}, trip.command('hotel', 'back'))).to.deep.equal([
        'step_completed hotel back 2',
        'step_started flight back 1',
      ]);
    });

    it('while an earlier step is compensated, compensates it in its turn', () => {
      const trip = givenUp();
      trip.receive('hotel.cancelled');
      expect(trip.receive('hotel.booked')).to.deep.equal(['message_noted hotel late']);
      expect(trip.receive('flight.cancelled')).to.deep.equal([
        'step_completed flight back 1',
        'step_started hotel back 2',
      ]);
      expect(trip.receive('hotel.cancelled')).to.deep.equal(['step_completed hotel back 2', 'compensated']);
    });

    it('after it was compensated, compensates the step', () => {
      const trip = givenUp();
      trip.receive('hotel.cancelled');
      trip.receive('flight.cancelled');
      expect(trip.state.status).to.equal('compensated');
      expect(trip.receive('hotel.booked')).to.deep.equal([
        'message_noted hotel late',
        'compensating hotel late_answer hotel was done after all',
        'step_started hotel back 2',
      ]);
      expect(trip.receive('hotel.cancelled')).to.deep.equal(['step_completed hotel back 2', 'compensated']);
    });

    it('with a refusal, still waits for the compensation that it has requested', () => {
      const trip = givenUp();
      expect(trip.receive('hotel.refused', { reason: 'full' })).to.deep.equal([
        'message_noted hotel late_refusal full',
      ]);
      expect(trip.receive('hotel.cancelled')).to.deep.equal([
        'step_completed hotel back 1',
        'step_started flight back 1',
      ]);
    });

    it('to another command than the one answered before, compensates the step again', () => {
      const trip = begun();
      trip.wait();
      trip.wait();
      const [first, second] = [trip.command('flight', 'forward', 0), trip.command('flight', 'forward', 1)];
      trip.receive('flight.booked', { seat: '1' }, first);
      trip.receive('hotel.refused', { reason: 'full' });
      expect(trip.receive('flight.booked', { seat: '1' }, first)).to.deep.equal(['message_noted flight duplicate']);
      trip.receive('flight.cancelled');
      expect(trip.receive('flight.booked', { seat: '2' }, second)).to.deep.equal([
        'message_noted flight late',
        'compensating flight late_answer flight was done after all',
        'step_started flight back 2',
      ]);
      trip.receive('flight.cancelled');
      expect(trip.receive('flight.booked', { seat: '2' }, second)).to.deep.equal(['message_noted flight duplicate']);
      expect(trip.state.status).to.equal('compensated');
    });

    it('to a command that was edited in the dead letters, compensates the step again', () => {
      const trip = begun('flight.booked');
      trip.receive('hotel.refused', { reason: 'full' });
      trip.receive('flight.cancelled');
      expect(trip.receive('flight.booked', { seat: '2' }, 'the edited one')).to.deep.equal([
        'message_noted flight late',
        'compensating flight late_answer flight was done after all',
        'step_started flight back 2',
      ]);
      trip.receive('flight.cancelled');
      expect(trip.receive('flight.booked', { seat: '2' }, 'the edited one')).to.deep.equal([
        'message_noted flight duplicate',
      ]);
    });

    it('keeps the result for the compensation', () => {
      const trip = begun();
      while (trip.state.status === 'started') trip.wait();
      trip.receive('flight.booked', { seat: '9C' });
      expect(trip.state.results).to.deep.equal({ flight: '9C' });
      expect(trip.command('flight', 'back', 1)).not.to.equal('');
    });

    it('with an execution after a refusal, compensates the step', () => {
      const trip = begun('flight.booked');
      trip.receive('hotel.refused', { reason: 'full' });
      trip.receive('flight.cancelled');
      expect(trip.receive('hotel.booked').slice(1)).to.deep.equal([
        'compensating hotel late_answer hotel was done after all',
        'step_started hotel back 1',
      ]);
    });
  });

  it('recognizes repeated answers, and answers to commands that it did not send', () => {
    const trip = begun('flight.booked');
    expect(trip.receive('trip.asked', { days: 3 })).to.deep.equal(['message_noted duplicate']);
    expect(trip.receive('flight.booked', { seat: '7A' })).to.deep.equal(['message_noted flight duplicate']);
    expect(trip.receive('flight.refused', { reason: 'x' })).to.deep.equal(['message_noted flight duplicate x']);
    expect(trip.receive('mail.sent')).to.deep.equal(['message_noted mail unasked']);
    expect(trip.receive('hotel.cancelled')).to.deep.equal(['message_noted hotel unasked']);
    expect(new TripRun().receive('flight.booked', { seat: '1' })).to.deep.equal([]);
  });

  describe('whose compensation fails', () => {
    const failing = () => {
      const trip = begun('flight.booked');
      trip.receive('hotel.refused', { reason: 'full' });
      expect(trip.receive('flight.kept', { reason: 'too late' })).to.deep.equal([
        'step_failed flight back 1 answer too late again',
      ]);
      expect(trip.wait()).to.deep.equal(['step_started flight back 2']);
      return trip;
    };
    const failed = () => {
      const trip = failing();
      expect(trip.wait()).to.deep.equal([
        'step_failed flight back 2 timeout no answer within 1m for good',
        'failed flight no answer within 1m',
      ]);
      expect(trip.state).to.include({ status: 'failed', failedStep: 'flight', waiting: undefined });
      return trip;
    };

    it('retries it, then requires manual intervention', () => {
      failed();
    });

    it('resumes when the answer arrives late', () => {
      expect(failed().receive('flight.cancelled')).to.deep.equal([
        'resumed',
        'step_completed flight back 2',
        'compensated',
      ]);
    });

    it('compensates a late execution again, and ignores the answers to earlier commands', () => {
      const trip = failed();
      const before = trip.command('flight', 'back');
      expect(trip.receive('flight.booked', { seat: '7A' }, trip.command('flight', 'forward'))).to.deep.equal([
        'message_noted flight late',
        'resumed',
        'step_started flight back 3',
      ]);
      expect(trip.receive('flight.cancelled', {}, before)).to.deep.equal(['message_noted flight outdated']);
      expect(trip.receive('flight.cancelled')).to.deep.equal(['step_completed flight back 3', 'compensated']);
    });

    it('restores the reason for its compensation once it resumes', () => {
      const trip = failed();
      expect(trip.state.reason).to.equal('no answer within 1m');
      trip.retry();
      expect(trip.state.reason).to.equal('full');
      trip.receive('flight.cancelled');
      expect(trip.state).to.include({ status: 'compensated', reason: 'full' });
    });

    it('restarts the retry policy when an operator retries it', () => {
      const trip = failed();
      expect(trip.retry()).to.deep.equal(['resumed', 'step_started flight back 3']);
      expect(trip.state.status).to.equal('compensating');
      trip.wait();
      expect(trip.wait()).to.deep.equal(['step_started flight back 4']);
      expect(trip.receive('flight.cancelled')).to.deep.equal(['step_completed flight back 4', 'compensated']);
    });
  });

  describe('one of whose commands is dead-lettered', () => {
    it('records it and keeps waiting, because the command may be fixed and replayed', () => {
      const trip = begun();
      const dead = { eventId: trip.command('flight', 'forward'), type: 'flight.book', code: 'gateway.refused' };
      expect(trip.receive('message.dead_lettered', dead)).to.deep.equal([
        'message_noted flight dead_lettered flight.book: gateway.refused',
      ]);
      expect(trip.receive('message.replayed', dead)).to.deep.equal([
        'message_noted flight replayed flight.book: gateway.refused',
      ]);
      expect(trip.receive('message.dead_lettered', { ...dead, eventId: 'of-another' })).to.deep.equal([]);
    });

    it('abandons the step when the command is discarded', () => {
      const trip = begun('flight.booked');
      const dead = { type: 'hotel.book', code: 'x', reason: 'no such hotel' };
      expect(trip.receive('message.discarded', { ...dead, eventId: trip.command('flight', 'forward') })).to.deep.equal(
        [],
      );
      expect(trip.receive('message.discarded', { ...dead, eventId: trip.command('hotel', 'forward') })).to.deep.equal([
        'step_failed hotel forward 1 discarded hotel.book was discarded: no such hotel for good',
        'compensating hotel step_failed hotel.book was discarded: no such hotel',
        'step_started hotel back 1',
      ]);
    });
  });

  describe('on request of an operator', () => {
    it('sends the awaited command again immediately', () => {
      expect(begun().retry()).to.deep.equal(['resumed', 'step_started flight forward 2']);
    });

    it('compensates the steps that it has started', () => {
      expect(begun('flight.booked').compensate()).to.deep.equal([
        'compensating operator a test',
        'step_started hotel back 1',
      ]);
    });

    it('rejects requests that its state does not allow', () => {
      const refused = (act: () => unknown) => expect(act).to.throw().with.property('code');
      refused(() => new TripRun().retry()).that.equals(UNKNOWN);
      refused(() => new TripRun().compensate()).that.equals(UNKNOWN);
      const ended = begun('flight.booked', 'hotel.booked', 'mail.sent');
      refused(() => ended.retry()).that.equals('saga.refused');
      refused(() => ended.compensate()).that.equals('saga.refused');
      const undone = begun('flight.booked');
      undone.compensate();
      refused(() => undone.compensate()).that.equals('saga.refused');
    });
  });
});
