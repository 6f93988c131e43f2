import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { interruptible } from './interruptible.mjs';
import { ensureKafka } from './kafka.mjs';
import { startKafkaNode } from './kafka-node.mjs';
import { exitWith } from './step.mjs';

// A Kafka node for development: `npm run kafka`. Ctrl-C stops it and removes its data.
try {
  await ensureKafka('This starts a Kafka node');
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-kafka-'));
  process.exitCode = await interruptible(async (signal) => {
    try {
      const node = await startKafkaNode(folder);
      console.log(`export KAFKA_BROKERS=${node.brokers}`);
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await node.stop();
      return 0;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
} catch (error) {
  exitWith(error);
}
