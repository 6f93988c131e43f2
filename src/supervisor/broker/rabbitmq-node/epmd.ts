import { connect } from 'node:net';

const KILL_REQUEST = Buffer.from([0, 1, 'k'.charCodeAt(0)]);
const EPMD_TIMEOUT_MS = 2000;

/** Ends the epmd on this loopback port (KILL_REQ of the Erlang distribution protocol). Resolves with true if it
 *  accepts, with false if none responds or nodes are registered with it. */
export function endEpmd(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(KILL_REQUEST));
    let answer = '';
    const done = () => {
      socket.destroy();
      resolve(answer.startsWith('OK'));
    };
    socket.setTimeout(EPMD_TIMEOUT_MS, done);
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.once('close', done);
    socket.once('error', done);
  });
}
