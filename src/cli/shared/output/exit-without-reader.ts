/** Ends a command whose standard output cannot be written: with exit code 0 if its reader has ended, as in
 *  `flotilla dead list | head`, and with 1 and a message otherwise. */
export function exitWithoutReader(stdout: NodeJS.WriteStream, say: (line: string) => void): void {
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    say(`error: standard output cannot be written: ${error.message}`);
    process.exit(1);
  });
}
