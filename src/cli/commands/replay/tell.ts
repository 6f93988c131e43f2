import type { Outlook } from '../../../replay/look.js';
import type { ReplayCounts, ReplayRun } from '../../../replay/run.js';

/** What a replay has done, for people. */
export function linesOfRun({ worker, counts, again }: ReplayRun): string[] {
  const lines = [`Sent ${counts.sent} to ${worker}${byType(counts)}`];
  if (counts.sent > 0 && again === null) lines.push('What it has handled already it skips.');
  return [...lines, ...leftOut(counts)];
}

/** What a replay would do, for people. */
export function linesOfOutlook(worker: string, outlook: Outlook): string[] {
  const { sent, alreadyDone } = outlook;
  const lines = [`Would send ${sent} to ${worker}${byType(outlook)}`];
  if (alreadyDone === null) {
    lines.push(`How many of them ${worker} has handled is not known here: its store is on another machine.`);
  } else {
    lines.push(`${alreadyDone} of them are done already and would be skipped.`);
  }
  return [...lines, ...leftOut(outlook)];
}

function byType({ byType: counts }: ReplayCounts): string {
  const parts = Object.entries(counts).map(([type, count]) => `${type} ${count}`);
  return parts.length === 0 ? '.' : `: ${parts.join(', ')}.`;
}

function leftOut({ commands, tooOld, unreadable }: ReplayCounts): string[] {
  return [
    ...(commands > 0 ? [`Left out ${commands} commands, which ask for something (--commands sends them too).`] : []),
    ...(tooOld > 0
      ? [
          `Refused ${tooOld} that are older than an inbox remembers (STREAM_MAX_AGE): they may have been handled. ` +
            '--again handles them once more; --force sends them to a worker that cannot have handled them yet.',
        ]
      : []),
    ...(unreadable > 0 ? [`Passed over ${unreadable} that are no events.`] : []),
  ];
}
