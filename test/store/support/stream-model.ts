import { expect } from 'chai';
import type { Store } from '../../../src/store/store.js';
import type { Command, Outcome } from './append-commands.js';

/** The expected streams of a store: the ids of the events of each, in order. */
export class StreamModel {
  readonly #streams = new Map<string, string[]>();
  /** Successful commands. */
  readonly done: Command[] = [];

  version(stream: string): number {
    return this.#ids(stream).length;
  }

  /**
   * Adds commands that ran concurrently, with their outcomes. The outcomes must fit some sequential order: successful
   * commands in the order of the versions they created, and each conflict at a moment when the stream had the reported
   * version, which differs from the expected version of the command.
   */
  take(ran: readonly { command: Command; outcome: Outcome }[]): void {
    const begun = new Map(ran.map(({ command }) => [command.stream, [this.version(command.stream)]]));
    const won = ran
      .flatMap(({ command, outcome }) => ('appended' in outcome && outcome.appended > 0 ? [{ command, outcome }] : []))
      .sort((a, b) => a.outcome.version - b.outcome.version);
    for (const { command, outcome } of won) {
      const { stream, expected, ids } = command;
      if (expected !== 'any') expect(this.version(stream), 'went through').to.equal(versionOf(expected));
      this.#streams.set(stream, [...this.#ids(stream), ...ids]);
      expect(outcome).to.deep.equal({ version: this.version(stream), appended: ids.length });
      begun.get(stream)?.push(this.version(stream));
      this.done.push(command);
    }
    for (const { command, outcome } of ran) {
      const attained = begun.get(command.stream);
      if ('conflict' in outcome) {
        expect(attained, 'a conflict with a version that was never there').to.include(outcome.conflict);
        expect(command.expected, 'a conflict of what expects nothing').to.not.equal('any');
        expect(versionOf(command.expected), 'a conflict with what was expected').to.not.equal(outcome.conflict);
      } else if (outcome.appended === 0) {
        expect(this.#ids(command.stream), 'repeated').to.include.members(command.ids);
        expect(attained).to.include(outcome.version);
      }
    }
  }

  /** Compares the model with the store, and positions with versions. */
  async check(store: Store): Promise<void> {
    for (const [stream, ids] of this.#streams) {
      const events = await store.read(stream);
      expect(events.map(({ id }) => id)).to.deep.equal(ids);
      expect(events.map(({ version }) => version)).to.deep.equal(ids.map((_, n) => n + 1));
      const positions = events.map(({ position }) => position);
      expect(positions).to.deep.equal([...positions].sort((a, b) => a - b));
    }
  }

  #ids(stream: string): readonly string[] {
    return this.#streams.get(stream) ?? [];
  }
}

function versionOf(expected: Command['expected']): number | undefined {
  return expected === 'none' ? 0 : expected === 'any' ? undefined : expected;
}
