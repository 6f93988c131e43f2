import { tableOf, type OperatedFleet } from './operated-fleet.js';
import { commandIn, type Section } from './runbook.js';
import { factsOf, shows, type Evidence } from './symptoms.js';

/** A sign that a fault is over. */
export interface Sign {
  text: string;
  holds: (fleet: OperatedFleet, evidence: Evidence) => boolean | Promise<boolean>;
}

/** The signs of "Over when". Throws for one that cannot be checked, so that no sign is skipped. */
export function signsOf({ title, overWhen }: Section): Sign[] {
  return overWhen
    .split(/, (?:and )?| and (?=`|READY|BREAKER|CONSUMERS|the |no )/)
    .filter((clause) => !/^(?:or|if) /.test(clause)) // what another process or case shows instead
    .map((clause) => {
      const text = clause.trim();
      const sign = checks.flatMap(([pattern, check]) => {
        const match = pattern.exec(text);
        return match === null ? [] : [{ text, holds: check(match.slice(1), title) }];
      })[0];
      if (sign === undefined) throw new Error(`the sign "${text}" of the section "${title}" cannot be checked`);
      return sign;
    });
}

type Check = (found: readonly string[], title: string) => Sign['holds'];

const checks: readonly (readonly [RegExp, Check])[] = [
  [
    /^the log.* has `([^`]+)`$/,
    ([entry = '']) =>
      (_, { log }) =>
        shows(log, entry),
  ],
  [/^`status` exits with 0$/, () => async (fleet) => (await fleet.shell('flotilla status')).code === 0],
  [
    /^`status` no longer shows `([^`]+)`$/,
    ([line = '']) =>
      (_, { status }) =>
        !shows(status, line),
  ],
  [
    /^no process reports `([^`]+)`$/,
    ([reason = '']) =>
      (_, { status, readyz }) =>
        !shows(status + readyz, reason),
  ],
  [
    /^`\/readyz` answers 200$/,
    () =>
      (_, { readyz }) =>
        !/: (?:no answer|HTTP (?!200))/.test(readyz),
  ],
  [
    /^`POST` requests are answered 201$/,
    () =>
      async ({ customers }) =>
        (await customers.orderOnce('tok_ok', ['item_1'])).status === 201,
  ],
  [
    /^READY (?:falls|returns)(?: to 0)?$/,
    () =>
      (_, { table }) =>
        queuesOf(table).every(({ READY }) => READY === '0'),
  ],
  [
    /^((?:BREAKER|CONSUMERS) is .+)$/,
    ([stated = '']) =>
      (_, { table }) =>
        queuesOf(table).every((worker) => factsOf(stated).every(({ holds }) => holds(worker))),
  ],
  [
    /^the order is no longer `stuck`$/,
    () =>
      (_, { api }) =>
        !shows(api, 'stuck'),
  ],
  [
    /^`projections list` shows `running` and BEHIND 0$/,
    () => async (fleet) => {
      const { output } = await fleet.shell('flotilla projections list');
      return tableOf(output, 'NAME').every(({ STATUS, BEHIND }) => STATUS === 'running' && BEHIND === '0');
    },
  ],
  [
    /^`(replay [^`]+)` counts no unhandled event$/,
    ([command = ''], title) =>
      async (fleet) => {
        const { output } = await fleet.shell(completed(title, command));
        const [, sent] = /Would send (\d+)/.exec(output) ?? [];
        return new RegExp(`^${sent} of them are already handled`, 'm').test(output);
      },
  ],
  [
    /^`([^`]+)` prints `([^`]+)`$/,
    ([command = '', printed = ''], title) =>
      async (fleet) =>
        shows((await fleet.shell(completed(title, command))).output, printed),
  ],
];

/** Workers without a queue have `-` in these columns. */
function queuesOf(table: Evidence['table']): Evidence['table'] {
  return table.filter(({ READY }) => READY !== '-');
}

/** The command as the section shows it with all arguments, if this one has `…` in their place. */
function completed(title: string, command: string): string {
  const whole = command.startsWith('flotilla') ? command : `flotilla ${command}`;
  return command.includes('…') ? commandIn(title, (each) => shows(each, whole)) : whole;
}
