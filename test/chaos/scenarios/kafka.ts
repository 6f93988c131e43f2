import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createEvent, originContext } from '../../../src/events/create.js';
import { loadKafkaClient } from '../../../src/kafka/client/load-client.js';
import { applyTopics, positionsTopic } from '../../../src/kafka/topics/plan-topics.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import type { Store } from '../../../src/store/store.js';
import type { StoredEvent } from '../../../src/store/stored-event.js';
import { checkMirror, checkRecords } from '../../kafka/support/check-records.js';
import { readTopic } from '../../kafka/support/read-topic.js';
import { eventually } from '../../support/eventually.js';
import type { KafkaNode } from '../../support/kafka.js';
import { shop } from '../../support/shop.js';
import { randomFrom, type Random } from '../support/random.js';

export interface KafkaChaosOptions {
  brokers: string;
  prefix: string;
  seed: number;
  /** Disturbances of sinks and sources, while events are appended. */
  faults: number;
  /** Killed and started again so many times. */
  node?: { node: KafkaNode; kills: number };
  say?: (line: string) => void;
}

const SUBJECTS = 12;
/** Longer than the lease of the sinks: another one takes over, and the frozen one then finds itself fenced. */
const FREEZE_MS = 1_800;
const program = fileURLToPath(new URL('../../kafka/fixtures/kafka-process.ts', import.meta.url));

/** Two sinks publish one store to Kafka, two sources store the records in another one, and all of them are killed,
 *  frozen and disconnected meanwhile. Afterwards a reader of committed records has seen every position once, and the
 *  other store has every event once, both in the order of each subject. Rejects otherwise; resolves with the number of
 *  each disturbance and of events. */
export async function keepExactlyOnce(options: KafkaChaosOptions): Promise<Record<string, number>> {
  const { brokers, prefix, seed, node, say } = options;
  const random = randomFrom(seed);
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-kafka-chaos-'));
  const [path, mirrorPath] = [join(folder, 'jobs.db'), join(folder, 'mirror.db')];
  const topic = `${prefix}job-events`;
  const client = await loadKafkaClient({ brokers: [brokers] });
  await applyTopics(client, [
    { topic, partitions: 3, replicationFactor: 1 },
    { topic: positionsTopic(prefix), partitions: 1, replicationFactor: 1 },
  ]);
  const [store, mirror] = await Promise.all([
    openSqliteStore({ service: 'jobs', path }),
    openSqliteStore({ service: 'mirror', path: mirrorPath }),
  ]);
  const parts = [
    ...['sink', 'sink'].map((part) => new Part([part, brokers, prefix, path])),
    ...['source', 'source'].map((part) => new Part([part, brokers, prefix, mirrorPath])),
  ];
  const counts: Record<string, number> = {};
  const over = new AbortController();
  let appending = Promise.resolve();
  try {
    await Promise.all(parts.map((part) => part.start()));
    appending = append(store, random, over.signal);
    for (let fault = 1; fault <= options.faults; fault += 1) {
      await sleep(random.between(50, 600));
      const part = random.pick(parts as [Part, ...Part[]]);
      const kind = random.pick(['killed', 'killed', 'cut', 'cut', 'frozen']);
      await part.disturb(kind);
      counts[kind] = (counts[kind] ?? 0) + 1;
      if (node !== undefined && fault % Math.ceil(options.faults / node.kills) === 0) {
        await node.node.kill();
        await node.node.restart();
        counts['broker killed'] = (counts['broker killed'] ?? 0) + 1;
      }
      if (fault % 10 === 0) say?.(`${fault} faults, ${await store.head()} appended, ${await mirror.head()} mirrored`);
    }
    over.abort();
    await appending;
    const events = await all(store);
    await eventually('everything is mirrored', async () => (await mirror.head()) >= events.length, { limit: 60_000 });
    checkRecords(await readTopic(brokers, topic, events.length), events);
    checkMirror(await all(mirror), events);
    return { ...counts, events: events.length };
  } finally {
    over.abort();
    await appending;
    await Promise.all(parts.map((part) => part.kill()));
    await Promise.all([store.close(), mirror.close()]);
    await rm(folder, { recursive: true, force: true });
  }
}

/** A process that is started again after each kill. */
class Part {
  #child: ChildProcess | undefined;

  constructor(private readonly args: readonly string[]) {}

  async start(): Promise<void> {
    this.#child = fork(program, this.args);
    await once(this.#child, 'message');
  }

  async disturb(kind: string): Promise<void> {
    if (kind === 'cut') this.#child?.kill('SIGUSR2');
    else if (kind === 'killed') {
      await this.kill();
      await this.start();
    } else {
      this.#child?.kill('SIGSTOP');
      await sleep(FREEZE_MS);
      this.#child?.kill('SIGCONT');
    }
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}

/** Appends bursts of events until the signal aborts. */
async function append(store: Store, random: Random, signal: AbortSignal): Promise<void> {
  for (let n = 0; !signal.aborted;) {
    const burst = random.between(1, 30);
    await Promise.all(
      Array.from({ length: burst }, async (_, index) => {
        const subject = `job/${random.between(1, SUBJECTS)}`;
        const context = originContext({ source: store.service, subject });
        await store.append(subject, 'any', [createEvent(shop.definitions, 'job.begun', { n: n + index }, context)]);
      }),
    );
    n += burst;
    await sleep(random.between(0, 400));
  }
}

async function all(store: Store): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (;;) {
    const page = await store.readAll(events.at(-1)?.position ?? 0, 1_000);
    if (page.length === 0) return events;
    events.push(...page);
  }
}
