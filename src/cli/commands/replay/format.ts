import type { ReplayDryRun } from '../../../replay/dry-run.js';
import type { ReplayCounts, ReplayRun } from '../../../replay/runs/replay-run.js';

/** The result of a replay as text. */
export function formatRun({ worker, counts, again }: ReplayRun): string[] {
  const lines = [`Sent ${counts.sent} to ${worker}${byType(counts)}`];
  if (counts.sent > 0 && again === null) lines.push('It skips those that it has already handled.');
  return [...lines, ...skipped(counts)];
}

/** The result of a dry run as text. */
export function formatDryRun(worker: string, result: ReplayDryRun): string[] {
  const { wouldSend, alreadyDone } = result;
  const lines = [`Would send ${wouldSend} to ${worker}${byType(result)}`];
  if (alreadyDone === null) {
    lines.push(`How many of them ${worker} has handled is unknown: its store is on another machine.`);
  } else {
    lines.push(`${alreadyDone} of them are already handled and would be skipped.`);
  }
  return [...lines, ...skipped(result)];
}

function byType({ byType: counts }: Pick<ReplayCounts, 'byType'>): string {
  const parts = Object.entries(counts).map(([type, count]) => `${type} ${count}`);
  return parts.length === 0 ? '.' : `: ${parts.join(', ')}.`;
}

function skipped({ skippedCommands, tooOld, unreadable }: Omit<ReplayCounts, 'sent'>): string[] {
  return [
    ...(skippedCommands > 0 ? [`Skipped ${skippedCommands} commands (--commands sends them too).`] : []),
    ...(tooOld > 0
      ? [
          `Refused ${tooOld} that are older than an inbox remembers (STREAM_MAX_AGE): they may have been handled. ` +
            '--again handles them once more; --force sends them to a worker that cannot have handled them yet.',
        ]
      : []),
    ...(unreadable > 0 ? [`Skipped ${unreadable} messages that are not events.`] : []),
  ];
}
