/** The operations that the guard counts. */
export const operations = ['message', 'append', 'request'] as const;
export type Operation = (typeof operations)[number];

/** What the counts depend on besides the code. */
export interface Environment {
  /** The version of Node.js. */
  node: string;
  /** `linux-x64`. */
  platform: string;
}

/** The committed file: instructions per operation, and where they were counted. */
export interface Recorded extends Environment {
  instructions: Partial<Record<Operation, number>>;
}

/** The instructions per operation in this run. */
export interface Counted {
  operation: Operation;
  instructions: number;
  /** The greatest difference between two runs, as a share of the count. */
  spread: number;
}

/** The largest accepted growth: above the spread, and below the regressions that matter. */
export const TOLERANCE = 0.03;

/** Returns the count of one operation from several runs, each with the counts of several blocks of `size` operations. */
export function countPerOperation(operation: Operation, size: number, runs: readonly (readonly number[])[]): Counted {
  const counts = runs.map((blocks) => [...blocks].sort((a, b) => a - b)[Math.floor(blocks.length / 2)] ?? Number.NaN);
  const instructions = counts.reduce((sum, count) => sum + count, 0) / counts.length / size;
  const spread = (Math.max(...counts) - Math.min(...counts)) / size / instructions;
  return { operation, instructions: Math.round(instructions), spread };
}

/** Returns why counts of this environment cannot be compared with the recorded ones; undefined if they can. */
export function refusal(recorded: Recorded, { node, platform }: Environment): string | undefined {
  if (recorded.node !== node || recorded.platform !== platform) {
    return (
      `The recorded counts are of Node.js ${recorded.node} on ${recorded.platform}, this is ${node} on ${platform}: ` +
      `they cannot be compared. Run the guard with Node.js ${recorded.node}, or record counts with --guard --record.`
    );
  }
  const missing = operations.filter((operation) => recorded.instructions[operation] === undefined);
  if (missing.length === 0) return undefined;
  return `No count is recorded of ${missing.join(', ')}: record counts with --guard --record.`;
}

/** A count compared with the recorded one. */
export interface Compared extends Counted {
  recorded: number;
  /** The growth as a share of the recorded count; negative if it shrank. */
  growth: number;
  verdict: 'same' | 'grown' | 'shrunk';
}

export function compare({ instructions: recorded }: Recorded, counted: readonly Counted[]): Compared[] {
  return counted.map((each) => {
    const before = recorded[each.operation] ?? Number.NaN;
    const growth = each.instructions / before - 1;
    const verdict = growth > TOLERANCE ? 'grown' : growth < -TOLERANCE ? 'shrunk' : 'same';
    return { ...each, recorded: before, growth, verdict };
  });
}

/** Describes the operations whose count grew, one line for each; empty if none did. */
export function describeRegressions(compared: readonly Compared[]): string[] {
  return compared
    .filter(({ verdict }) => verdict === 'grown')
    .map(
      ({ operation, instructions, recorded, growth }) =>
        `${operation}: ${format(instructions)} instructions, ${format(instructions - recorded)} (${percent(growth)}) ` +
        `more than recorded; at most ${percent(TOLERANCE)} are accepted`,
    );
}

export const format = (count: number) => count.toLocaleString('en-US');
export const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
