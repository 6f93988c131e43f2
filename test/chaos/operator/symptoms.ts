import type { SymptomRow } from './runbook.js';

/** What an operator sees of a fleet. */
export interface Evidence {
  /** The names of the alerts whose rule holds. */
  alerts: readonly string[];
  /** The output of `flotilla status`, and its columns by worker. */
  status: string;
  table: readonly Readonly<Record<string, string>>[];
  /** The output of `flotilla doctor`. */
  doctor: string;
  /** The log of the fleet since the fault began. */
  log: string;
  /** The answers of `/readyz` of every process. */
  readyz: string;
  /** Answers of the API with their status and headers. */
  api: string;
}

/** The symptoms of a row that the evidence shows. A row lists symptoms of one fault; each is enough to find the row. */
export function symptomsSeen(row: SymptomRow, evidence: Evidence): string[] {
  return clausesOf(row.symptoms).flatMap((clause) => {
    const facts = factsOf(clause);
    const isStated = facts.length > 0 && evidence.table.some((worker) => facts.every(({ holds }) => holds(worker)));
    return [
      ...spansOf(clause).filter((span) => shows(textFor(clause, evidence), span)),
      ...(isStated ? [facts.map(({ text }) => text).join(' and ')] : []),
    ];
  });
}

/** Whether a text contains a quoted one, in which `…` stands for anything within a line. */
export function shows(text: string, quoted: string): boolean {
  const parts = quoted.split('…').map((part) =>
    part
      .trim()
      .replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
      .replace(/\s+/g, '\\s+'),
  );
  const pattern = parts.filter((part) => part !== '').join('.*');
  return pattern !== '' && new RegExp(pattern).test(text);
}

const COLUMNS = 'READY|IN FLIGHT|RETRYING|DEAD|CONSUMERS|BREAKER';
const FACT = new RegExp(`(${COLUMNS}) (is |)(not |at least |)(?:\`(\\w+)\`|(\\d+))`, 'g');

/** The parts of a cell that semicolons separate. */
function clausesOf(cell: string): string[] {
  return (cell.match(/(?:`[^`]*`|[^;`])+/g) ?? []).map((clause) => clause.trim());
}

const LABELS = {
  alert: /^alerts? /,
  status: /^`status`:/,
  doctor: /^`doctor`:/,
  log: /^log:/,
  readyz: /^`\/readyz`:/,
  api: /^API\b/,
};

/** The text in which the quotations of a clause must be found: that of the source which the clause names, or of any. */
function textFor(clause: string, { alerts, table: _, ...texts }: Evidence): string {
  if (LABELS.alert.test(clause)) return alerts.join('\n');
  const named = (['status', 'doctor', 'log', 'readyz', 'api'] as const).filter((source) => LABELS[source].test(clause));
  return named.length > 0 ? named.map((source) => texts[source]).join('\n') : Object.values(texts).join('\n');
}

/** The quotations of a clause, without its label, values of columns, and what only a second look shows. */
function spansOf(clause: string): string[] {
  const quoted = clause.replace(/^`(?:status|doctor|\/readyz)`:/, '').replace(FACT, '');
  return [...quoted.matchAll(/`([^`]+)`(?! grows)/g)].map(([, span = '']) => span).filter((span) => /\w/.test(span));
}

interface Fact {
  text: string;
  holds: (row: Readonly<Record<string, string>>) => boolean;
}

/** The values of columns that a clause states, all of one worker: CONSUMERS is 0 and BREAKER is not \`open\`. */
export function factsOf(clause: string): Fact[] {
  return [...clause.matchAll(FACT)].map(([text, column = '', , how = '', word, number]) => ({
    text,
    holds: (row) => {
      const value = row[column] ?? '';
      if (number !== undefined && !/^\d+$/.test(value)) return false;
      if (how === 'at least ') return Number(value) >= Number(number);
      return (value === (word ?? number)) === (how === '');
    },
  }));
}
