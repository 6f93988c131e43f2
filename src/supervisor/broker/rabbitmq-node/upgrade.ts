/** The release series from which each series can start with existing data, oldest first. Source:
 *  https://www.rabbitmq.com/docs/upgrade#rabbitmq-version-upgradability */
const READS: readonly (readonly [series: string, ...from: string[]])[] = [
  ['3.10', '3.9', '3.8'],
  ['3.11', '3.10'],
  ['3.12', '3.11'],
  ['3.13', '3.12'],
  ['4.0', '3.13'],
  ['4.1', '3.13', '4.0'],
  ['4.2', '3.13', '4.0', '4.1'],
  ['4.3', '4.2'],
];

/** The series to install one after the other, `installed` last, to run RabbitMQ `installed` with data that `written`
 *  wrote; empty if it can start directly; undefined if no path exists, for example to an older series. A series that is
 *  unknown here counts as one that can start: RabbitMQ checks again, and refuses before it changes data. */
export function upgradeSteps(written: string, installed: string): readonly string[] | undefined {
  const [from, to] = [seriesOf(written), seriesOf(installed)];
  if (from === to || !isKnown(to) || (!isKnown(from) && !isOlder(from))) return [];
  let paths: string[][] = [[from]];
  // breadth first: the shortest path
  for (let length = 0; length < READS.length; length += 1) {
    const next = paths.flatMap((path) =>
      READS.filter(([, ...sources]) => sources.includes(path.at(-1) ?? '')).map(([series]) => [...path, series]),
    );
    const complete = next.filter((path) => path.at(-1) === to).at(-1);
    if (complete !== undefined) return complete.length === 2 ? [] : complete.slice(1);
    paths = next;
  }
  return undefined;
}

function isKnown(series: string): boolean {
  return READS.some(([each]) => each === series);
}

/** Whether it is a series from which the oldest known one can start. */
function isOlder(series: string): boolean {
  return READS[0]?.slice(1).includes(series) ?? false;
}

function seriesOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}
