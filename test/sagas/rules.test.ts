import { expect } from 'chai';
import { begun, TripStory } from './trip.js';

const UNKNOWN = 'saga.not_found';

describe('a saga', () => {
  it('does its steps one after the other, each with what the answers before brought', () => {
    const story = new TripStory();
    expect(story.hear('trip.asked', { days: 3 })).to.deep.equal(['started', 'step_started flight forward 1']);
    expect(story.hear('flight.booked', { seat: '7A' })).to.deep.equal([
      'step_completed flight forward 1',
      'step_started hotel forward 1',
    ]);
    expect(story.state.results).to.deep.equal({ flight: '7A' });
    expect(story.hear('hotel.booked')).to.deep.equal(['step_completed hotel forward 1', 'step_started mail forward 1']);
    expect(story.hear('mail.sent')).to.deep.equal(['step_completed mail forward 1', 'completed']);
    expect(story.state).to.include({ status: 'completed', waiting: undefined });
  });

  it('undoes the last first when a step is refused, and not the one that was refused', () => {
    const story = begun('flight.booked');
    expect(story.hear('hotel.refused', { reason: 'full' })).to.deep.equal([
      'step_failed hotel forward 1 answer full for good',
      'compensating hotel step_failed full',
      'step_started flight back 1',
    ]);
    expect(story.hear('flight.cancelled')).to.deep.equal(['step_completed flight back 1', 'compensated']);
  });

  it('has nothing to undo where the first step is refused', () => {
    expect(begun().hear('flight.refused', { reason: 'sold out' })).to.deep.equal([
      'step_failed flight forward 1 answer sold out for good',
      'compensating flight step_failed sold out',
      'compensated',
    ]);
  });

  it('tries again after its delays what does not answer, then gives it up and undoes it, as it may have been done', () => {
    const story = begun();
    expect(story.wait()).to.deep.equal(['step_failed flight forward 1 timeout no answer within 1m again']);
    expect(story.wait()).to.deep.equal(['step_started flight forward 2']);
    expect(story.wait()).to.deep.equal(['step_failed flight forward 2 timeout no answer within 1m again']);
    expect(story.wait()).to.deep.equal(['step_started flight forward 3']);
    expect(story.now - Date.parse('2026-01-01T00:00:00Z')).to.equal((60 + 10 + 60 + 20) * 1000);
    expect(story.wait()).to.deep.equal([
      'step_failed flight forward 3 timeout no answer within 1m for good',
      'compensating flight step_failed no answer within 1m',
      'step_started flight back 1',
    ]);
    expect(new Set(story.state.steps['flight']?.forward.commands).size).to.equal(3);
  });

  it('tries again what an answer says is worth it, and nothing else', () => {
    const story = begun();
    expect(story.hear('flight.refused', { reason: 'busy' })).to.deep.equal([
      'step_failed flight forward 1 answer busy again',
    ]);
    expect(story.wait()).to.deep.equal(['step_started flight forward 2']);
    expect(story.hear('flight.booked', { seat: '1' })[0]).to.equal('step_completed flight forward 2');
  });

  it('takes the answer to an earlier try while it waits to try again', () => {
    const story = begun();
    story.wait();
    expect(story.hear('flight.booked', { seat: '1' })).to.deep.equal([
      'step_completed flight forward 1',
      'step_started hotel forward 1',
    ]);
    expect(story.timer({ step: 'flight', direction: 'forward', attempt: 1, timer: 'retry' })).to.deep.equal([]);
  });

  it('takes no notice of a timer for which it does not wait', () => {
    const story = begun('flight.booked');
    for (const other of [
      { attempt: 2 },
      { step: 'flight' },
      { direction: 'back' },
      { timer: 'retry' },
      { saga: 'x' },
    ]) {
      expect(story.timer(other), JSON.stringify(other)).to.deep.equal([]);
    }
  });

  describe('that is called off', () => {
    it('without saying why, is so on request', () => {
      expect(begun().hear('trip.dropped', {})[0]).to.equal('compensating cancelled on request');
      expect(begun().hear('trip.dropped', { reason: ' ' })[0]).to.equal('compensating cancelled on request');
    });

    it('with a long story, goes on with one line', () => {
      const story = begun();
      story.hear('trip.dropped', { reason: `first\r\n\u2028second ${'x'.repeat(1000)}` });
      expect(story.state.reason)
        .to.match(/^first second x+…$/)
        .and.to.have.length(300);
    });

    it('before it begins, does nothing', () => {
      const story = new TripStory();
      expect(story.hear('trip.dropped', { reason: 'ill' })).to.deep.equal(['message_noted early_cancel ill']);
      expect(story.state.status).to.equal('none');
      expect(story.hear('trip.asked', { days: 1 })).to.deep.equal([
        'started',
        'compensating cancelled ill',
        'compensated',
      ]);
    });

    it('while a step is under way, undoes that too', () => {
      const story = begun('flight.booked');
      expect(story.hear('trip.dropped', { reason: 'ill' })).to.deep.equal([
        'compensating cancelled ill',
        'step_started hotel back 1',
      ]);
      expect(story.hear('hotel.cancelled')).to.deep.equal([
        'step_completed hotel back 1',
        'step_started flight back 1',
      ]);
      expect(story.hear('flight.cancelled')).to.deep.equal(['step_completed flight back 1', 'compensated']);
    });

    it('after its end, undoes all that can be', () => {
      const story = begun('flight.booked', 'hotel.booked', 'mail.sent');
      expect(story.hear('trip.dropped', { reason: 'ill' })).to.deep.equal([
        'compensating cancelled ill',
        'step_started hotel back 1',
      ]);
    });

    it('twice, or while it is undone, is so once', () => {
      const story = begun('flight.booked');
      story.hear('trip.dropped', { reason: 'ill' });
      expect(story.hear('trip.dropped', { reason: 'ill' })).to.deep.equal(['message_noted already_undone ill']);
    });
  });

  describe('answered late', () => {
    const givenUp = () => {
      const story = begun('flight.booked');
      story.wait(); // the hotel never answers, and is not tried again
      return story;
    };

    it('while it undoes that very step, undoes it once more, and takes the first answer for outdated', () => {
      const story = givenUp();
      const first = story.command('hotel', 'back');
      expect(story.hear('hotel.booked')).to.deep.equal(['message_noted hotel late', 'step_started hotel back 2']);
      expect(story.hear('hotel.cancelled', {}, first)).to.deep.equal(['message_noted hotel outdated']);
      expect(story.hear('hotel.cancelled', {}, story.command('hotel', 'back'))).to.deep.equal([
        'step_completed hotel back 2',
        'step_started flight back 1',
      ]);
    });

    it('while it undoes an earlier step, undoes it in its turn', () => {
      const story = givenUp();
      story.hear('hotel.cancelled');
      expect(story.hear('hotel.booked')).to.deep.equal(['message_noted hotel late']);
      expect(story.hear('flight.cancelled')).to.deep.equal([
        'step_completed flight back 1',
        'step_started hotel back 2',
      ]);
      expect(story.hear('hotel.cancelled')).to.deep.equal(['step_completed hotel back 2', 'compensated']);
    });

    it('after all was undone, undoes that', () => {
      const story = givenUp();
      story.hear('hotel.cancelled');
      story.hear('flight.cancelled');
      expect(story.state.status).to.equal('compensated');
      expect(story.hear('hotel.booked')).to.deep.equal([
        'message_noted hotel late',
        'compensating hotel late_answer hotel was done after all',
        'step_started hotel back 2',
      ]);
      expect(story.hear('hotel.cancelled')).to.deep.equal(['step_completed hotel back 2', 'compensated']);
    });

    it('with a refusal, still waits for the undoing that it has asked for', () => {
      const story = givenUp();
      expect(story.hear('hotel.refused', { reason: 'full' })).to.deep.equal(['message_noted hotel late_refusal full']);
      expect(story.hear('hotel.cancelled')).to.deep.equal([
        'step_completed hotel back 1',
        'step_started flight back 1',
      ]);
    });

    it('by another command than the one that was answered before, undoes what that may have done since', () => {
      const story = begun();
      story.wait();
      story.wait();
      const [first, second] = [story.command('flight', 'forward', 0), story.command('flight', 'forward', 1)];
      story.hear('flight.booked', { seat: '1' }, first);
      story.hear('hotel.refused', { reason: 'full' });
      expect(story.hear('flight.booked', { seat: '1' }, first)).to.deep.equal(['message_noted flight duplicate']);
      story.hear('flight.cancelled');
      expect(story.hear('flight.booked', { seat: '2' }, second)).to.deep.equal([
        'message_noted flight late',
        'compensating flight late_answer flight was done after all',
        'step_started flight back 2',
      ]);
      story.hear('flight.cancelled');
      expect(story.hear('flight.booked', { seat: '2' }, second)).to.deep.equal(['message_noted flight duplicate']);
      expect(story.state.status).to.equal('compensated');
    });

    it('by a command that was edited in the dead letters, and is not known, undoes what that has done since', () => {
      const story = begun('flight.booked');
      story.hear('hotel.refused', { reason: 'full' });
      story.hear('flight.cancelled');
      expect(story.hear('flight.booked', { seat: '2' }, 'the edited one')).to.deep.equal([
        'message_noted flight late',
        'compensating flight late_answer flight was done after all',
        'step_started flight back 2',
      ]);
      story.hear('flight.cancelled');
      expect(story.hear('flight.booked', { seat: '2' }, 'the edited one')).to.deep.equal([
        'message_noted flight duplicate',
      ]);
    });

    it('keeps what the answer brought, for the command that undoes it', () => {
      const story = begun();
      while (story.state.status === 'started') story.wait();
      story.hear('flight.booked', { seat: '9C' });
      expect(story.state.results).to.deep.equal({ flight: '9C' });
      expect(story.command('flight', 'back', 1)).not.to.equal('');
    });

    it('by a booking after a refusal, undoes the booking', () => {
      const story = begun('flight.booked');
      story.hear('hotel.refused', { reason: 'full' });
      story.hear('flight.cancelled');
      expect(story.hear('hotel.booked').slice(1)).to.deep.equal([
        'compensating hotel late_answer hotel was done after all',
        'step_started hotel back 1',
      ]);
    });
  });

  it('knows each answer that it has heard before, and one to what it did not ask', () => {
    const story = begun('flight.booked');
    expect(story.hear('trip.asked', { days: 3 })).to.deep.equal(['message_noted duplicate']);
    expect(story.hear('flight.booked', { seat: '7A' })).to.deep.equal(['message_noted flight duplicate']);
    expect(story.hear('flight.refused', { reason: 'x' })).to.deep.equal(['message_noted flight duplicate x']);
    expect(story.hear('mail.sent')).to.deep.equal(['message_noted mail unasked']);
    expect(story.hear('hotel.cancelled')).to.deep.equal(['message_noted hotel unasked']);
    expect(new TripStory().hear('flight.booked', { seat: '1' })).to.deep.equal([]);
  });

  describe('whose undoing fails', () => {
    const failing = () => {
      const story = begun('flight.booked');
      story.hear('hotel.refused', { reason: 'full' });
      expect(story.hear('flight.kept', { reason: 'too late' })).to.deep.equal([
        'step_failed flight back 1 answer too late again',
      ]);
      expect(story.wait()).to.deep.equal(['step_started flight back 2']);
      return story;
    };
    const failed = () => {
      const story = failing();
      expect(story.wait()).to.deep.equal([
        'step_failed flight back 2 timeout no answer within 1m for good',
        'failed flight no answer within 1m',
      ]);
      expect(story.state).to.include({ status: 'failed', failedStep: 'flight', waiting: undefined });
      return story;
    };

    it('tries again, and then needs a person', () => {
      failed();
    });

    it('goes on when the answer comes after all', () => {
      expect(failed().hear('flight.cancelled')).to.deep.equal([
        'resumed',
        'step_completed flight back 2',
        'compensated',
      ]);
    });

    it('undoes once more what is done after all, and takes the answers to what it asked before for outdated', () => {
      const story = failed();
      const before = story.command('flight', 'back');
      expect(story.hear('flight.booked', { seat: '7A' }, story.command('flight', 'forward'))).to.deep.equal([
        'message_noted flight late',
        'resumed',
        'step_started flight back 3',
      ]);
      expect(story.hear('flight.cancelled', {}, before)).to.deep.equal(['message_noted flight outdated']);
      expect(story.hear('flight.cancelled')).to.deep.equal(['step_completed flight back 3', 'compensated']);
    });

    it('says again why it is undone, once it goes on', () => {
      const story = failed();
      expect(story.state.reason).to.equal('no answer within 1m');
      story.retry();
      expect(story.state.reason).to.equal('full');
      story.hear('flight.cancelled');
      expect(story.state).to.include({ status: 'compensated', reason: 'full' });
    });

    it('tries again, as often as at first, when a person says so', () => {
      const story = failed();
      expect(story.retry()).to.deep.equal(['resumed', 'step_started flight back 3']);
      expect(story.state.status).to.equal('compensating');
      story.wait();
      expect(story.wait()).to.deep.equal(['step_started flight back 4']);
      expect(story.hear('flight.cancelled')).to.deep.equal(['step_completed flight back 4', 'compensated']);
    });
  });

  describe('one of whose commands is a dead letter', () => {
    it('says so, and goes on waiting: it may be mended', () => {
      const story = begun();
      const dead = { eventId: story.command('flight', 'forward'), type: 'flight.book', code: 'gateway.refused' };
      expect(story.hear('message.dead_lettered', dead)).to.deep.equal([
        'message_noted flight dead_lettered flight.book: gateway.refused',
      ]);
      expect(story.hear('message.replayed', dead)).to.deep.equal([
        'message_noted flight replayed flight.book: gateway.refused',
      ]);
      expect(story.hear('message.dead_lettered', { ...dead, eventId: 'of-another' })).to.deep.equal([]);
    });

    it('gives up the step when it is discarded', () => {
      const story = begun('flight.booked');
      const dead = { type: 'hotel.book', code: 'x', reason: 'no such hotel' };
      expect(story.hear('message.discarded', { ...dead, eventId: story.command('flight', 'forward') })).to.deep.equal(
        [],
      );
      expect(story.hear('message.discarded', { ...dead, eventId: story.command('hotel', 'forward') })).to.deep.equal([
        'step_failed hotel forward 1 discarded hotel.book was discarded: no such hotel for good',
        'compensating hotel step_failed hotel.book was discarded: no such hotel',
        'step_started hotel back 1',
      ]);
    });
  });

  describe('told by a person', () => {
    it('tries again at once what it waits for', () => {
      expect(begun().retry()).to.deep.equal(['resumed', 'step_started flight forward 2']);
    });

    it('undoes what it has begun', () => {
      expect(begun('flight.booked').compensate()).to.deep.equal([
        'compensating operator a test',
        'step_started hotel back 1',
      ]);
    });

    it('refuses what cannot be', () => {
      const refused = (act: () => unknown) => expect(act).to.throw().with.property('code');
      refused(() => new TripStory().retry()).that.equals(UNKNOWN);
      refused(() => new TripStory().compensate()).that.equals(UNKNOWN);
      const ended = begun('flight.booked', 'hotel.booked', 'mail.sent');
      refused(() => ended.retry()).that.equals('saga.refused');
      refused(() => ended.compensate()).that.equals('saga.refused');
      const undone = begun('flight.booked');
      undone.compensate();
      refused(() => undone.compensate()).that.equals('saga.refused');
    });
  });
});
