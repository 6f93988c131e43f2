import { rm } from 'node:fs/promises';
import { atEnd } from './clean-up.js';

/** Resolves with a node when it has started. It is stopped and its data are removed by `remove`, when the run ends, and when it
 *  does not start. `abort` ends a start that is not complete. */
export async function startedNode<Node extends { stop: () => Promise<void> }>(
  starting: Promise<Node>,
  { dataDir, abort = () => undefined }: { dataDir: string; abort?: () => void },
): Promise<{ node: Node; remove: () => Promise<void> }> {
  const remove = atEnd(async () => {
    abort();
    await starting.then(
      (node) => node.stop(),
      () => undefined,
    );
    await rm(dataDir, { recursive: true, force: true });
  });
  try {
    return { node: await starting, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
