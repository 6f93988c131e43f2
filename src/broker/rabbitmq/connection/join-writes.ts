import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';

/** Sends all frames that are written in the same turn of the event loop together. amqplib writes those of each channel
 *  separately: a commit of messages from 16 partitions would cost 16 system calls here, and 16 packets for the broker. */
export function joinWrites(stream: Duplex): void {
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  let isJoining = false;
  stream.write = (...args: unknown[]) => {
    if (!isJoining) {
      isJoining = true;
      stream.cork();
      nextTick(() => {
        isJoining = false;
        stream.uncork();
      });
    }
    return write(...args);
  };
}
