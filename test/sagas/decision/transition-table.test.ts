import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { sagaTransitions, stepTransitions, type Action } from '../../../src/sagas/decision/transitions.js';
import type { SagaTrigger, StepTrigger } from '../../../src/sagas/decision/trigger.js';

const page = new URL('../../../docs/reference/saga-transitions.md', import.meta.url);
const HEADER = '| Received | Situation | Recorded | Follow-up |\n| --- | --- | --- | --- |\n';

const received: Record<SagaTrigger | StepTrigger, string> = {
  start: '`startedBy`',
  cancel: '`cancelledBy`',
  unrelated_answer: 'an answer not caused by a command of the saga for this step',
  executed: '`done` of a step',
  refused: '`failed` of a step',
  compensated: '`done` of a compensation',
  not_compensated: '`failed` of a compensation',
  timeout: 'a time-out',
  retry_due: 'the end of a retry delay',
  dead_lettered: '`message.dead_lettered` for a command',
  replayed: '`message.replayed` for a command',
  discarded: '`message.discarded` for a command',
  operator_retry: '`sagas retry`',
  operator_compensate: '`sagas compensate`',
};

const recorded: Record<Extract<Action, string>, string | undefined> = {
  start: '`saga.started`',
  complete_step: '`saga.step_completed`',
  fail_step: '`saga.step_failed`',
  resume: '`saga.resumed`',
  fail: '`saga.failed`',
  execute_next: undefined,
  compensate_next: undefined,
  compensate_again: undefined,
  repeat: undefined,
};

const followUp: Partial<typeof recorded> = {
  fail_step: 'the next attempt, after its delay',
  fail: 'manual intervention',
  execute_next: 'the next command, or `saga.completed`',
  compensate_next: 'the next compensation, or `saga.compensated`',
  compensate_again: 'the compensation is sent again',
  repeat: 'the awaited command is sent again',
};

function recordedBy(action: Action): string | undefined {
  if (typeof action === 'string') return recorded[action];
  if ('note' in action) return `\`saga.message_noted\`: \`${action.note}\``;
  return 'compensate' in action ? '`saga.compensating`' : undefined;
}

function follows(action: Action | undefined): string {
  if (action === undefined) return 'ignored';
  if (typeof action === 'string') return followUp[action] ?? '';
  return 'reject' in action ? `rejected: ${action.reject}` : '';
}

/** The table in docs/reference/saga-transitions.md: one row per transition, in the order of evaluation. */
function table(): string {
  const rows = [...Object.entries(sagaTransitions), ...Object.entries(stepTransitions)].flatMap(([on, transitions]) =>
    transitions.map(({ text, actions }, index) => {
      const what = index === 0 ? received[on as keyof typeof received] : '';
      const events = actions.flatMap((action) => recordedBy(action) ?? []).join(', ');
      return `| ${[what, text, events, follows(actions.at(-1))].join(' | ')} |`.replaceAll(/ {2,}/g, ' ');
    }),
  );
  return `${HEADER}${rows.join('\n')}\n`;
}

describe('the table of state transitions in docs/reference/saga-transitions.md', () => {
  it('is generated from the transitions; run this test with UPDATE_DOCS=1 after changing them', () => {
    const text = readFileSync(page, 'utf8');
    const from = text.indexOf(HEADER);
    expect(from).to.be.greaterThan(0);
    const to = text.indexOf('\n\n', from) + 1;
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(page, text.slice(0, from) + table() + text.slice(to));
    else expect(text.slice(from, to)).to.equal(table());
  });
});
