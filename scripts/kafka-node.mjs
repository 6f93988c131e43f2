import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, closeSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findKafka } from './kafka.mjs';
import { run } from './run.mjs';
import { SetupError } from './step.mjs';

/** A small heap, and the cheapest compilers: a node of a test starts with 3 s of processor time. */
const JAVA_OPTIONS = [
  '-Xmx192m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
];
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 15_000;
const POLL_INTERVAL_MS = 50;
const ANSWER_LIMIT_MS = 1_000;
/** Any id of 16 bytes; the node is its only member. */
const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qk';

/** Starts a Kafka node on free loopback ports, with its files in `dataDir`, and resolves when it answers. It is broker
 *  and controller, without replication; a topic that a client names is created with 3 partitions. Throws `SetupError`. */
export async function startKafkaNode(dataDir) {
  const found = findKafka();
  if (found === undefined) throw new SetupError('Kafka is not installed; `npm run kafka` installs it');
  mkdirSync(dataDir, { recursive: true });
  const [port, controllerPort] = await freePorts();
  const properties = join(dataDir, 'server.properties');
  writeFileSync(properties, propertiesOf({ port, controllerPort, dataDir }));
  const java = (main, ...args) => [...JAVA_OPTIONS, '-cp', found.classPath, main, ...args];
  await run(found.java, java('kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', properties));
  const log = join(dataDir, 'node.log');
  const launch = async () => {
    const output = openSync(log, 'a');
    const child = spawn(found.java, java('kafka.Kafka', properties), { stdio: ['ignore', output, output] });
    closeSync(output);
    const until = performance.now() + START_LIMIT_MS;
    while (!(await answers(port))) {
      if (child.exitCode !== null || performance.now() > until) {
        await end(child, 'SIGKILL');
        throw new SetupError(`the Kafka node did not start:\n${readFileSync(log, 'utf8').slice(-3000)}`);
      }
      await sleep(POLL_INTERVAL_MS);
    }
    return child;
  };
  let child = await launch();
  return {
    brokers: `127.0.0.1:${port}`,
    get pid() {
      return child.pid;
    },
    /** Stops the node cleanly, by force after 15 s. Idempotent. */
    stop: () => end(child, 'SIGTERM'),
    /** Kills the node like `kill -9`. */
    kill: () => end(child, 'SIGKILL'),
    /** Starts it again on the same port and data. */
    async restart() {
      child = await launch();
    },
  };
}

async function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await ended;
  clearTimeout(force);
}

function propertiesOf({ port, controllerPort, dataDir }) {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(dataDir, 'log'),
    'auto.create.topics.enable': true,
    'num.partitions': 3,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    // a node that was killed may start again when its session has ended
    'broker.session.timeout.ms': 2_000,
    'broker.heartbeat.interval.ms': 500,
    'num.network.threads': 1,
    'num.io.threads': 2,
    'log.cleaner.dedupe.buffer.size': 2_097_152,
    // the internal topics of one node
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** Two free loopback ports below the range of ephemeral ports, so that a restarted node finds them free again. */
async function freePorts() {
  const ports = [];
  while (ports.length < 2) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const isFree = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree && !ports.includes(port)) ports.push(port);
  }
  return ports;
}

/** Whether a broker answers a request of the versions that it supports (ApiVersions, version 0): the system accepts
 *  connections before the broker does. */
function answers(port) {
  const request = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0, 0]);
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    const done = (answered) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(ANSWER_LIMIT_MS, () => done(false));
    socket.once('data', () => done(true));
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
  });
}
