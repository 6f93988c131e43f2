/** Longer lines are Erlang terms. */
const MAX_REASON_LENGTH = 300;

/** Whether a node ended because another process took a port after it was found free. */
export function isPortTaken(log: string): boolean {
  return /\beaddrinuse\b|\bdist_port_already_used\b/.test(log);
}

/** Why a node ended, in one line of its log; undefined if the log contains none. */
export function reasonOf(log: string): string | undefined {
  if (isPortTaken(log)) return 'another program took one of its ports';
  const error = /\[error\] (?:<[\d.]+> )?(\S.*)/.exec(log)?.[1];
  const lines = log.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('Crash dump'));
  return (error ?? lines.at(-1))?.trim().slice(0, MAX_REASON_LENGTH);
}
