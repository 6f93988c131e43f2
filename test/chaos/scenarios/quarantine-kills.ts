import type { Failpoint } from '../../../src/failpoints.js';
import { withFleet, type ChaosRun, type RunOptions } from '../support/chaos-run.js';
import { randomFrom } from '../support/random.js';
import { openTill, ROLLING_ENV } from '../support/rolling-fleet.js';
import { Quarantine, type Sent } from '../support/quarantine.js';
import { eventually } from '../../support/eventually.js';

/** A point at which a process is killed, and what it does then. */
export interface QuarantineKill {
  step: 'quarantine' | 'reconcile' | 'reject' | 'command' | 'release';
  point: Failpoint;
}

/** Every step, in the order of a round. */
export const QUARANTINE_KILLS: readonly QuarantineKill[] = [
  { step: 'quarantine', point: 'worker.quarantine_stored' },
  { step: 'quarantine', point: 'worker.quarantine_confirmed' },
  { step: 'reconcile', point: 'worker.quarantine_recorded' },
  { step: 'reject', point: 'quarantine.copied' },
  { step: 'reject', point: 'quarantine.removed' },
  { step: 'command', point: 'quarantine.copied' },
  { step: 'release', point: 'worker.handled' },
  { step: 'release', point: 'worker.committed' },
  { step: 'release', point: 'worker.quarantine_removed' },
];

/** Of each kind in a round: more messages than pass a step until its kill. */
const SUBJECTS = 4;
const ROLE_OF = {
  quarantine: 'earlier',
  reconcile: 'earlier',
  reject: 'reject',
  command: 'release',
  release: 'later',
} as const satisfies Record<QuarantineKill['step'], string>;
/** A release pass that found nothing is repeated after a pause. */
const PATIENT = { limit: 60_000, every: 50 };

type Till = Awaited<ReturnType<typeof openTill>>;

interface Round extends ChaosRun {
  kills: readonly QuarantineKill[];
  quarantine: Quarantine;
  say: (line: string) => void;
}

/** Kills a worker or a command at these steps of the quarantine, and starts it again: while the earlier release quarantines
 *  messages and restores lost rows, while an operator rejects one type and releases the others, and while the later release
 *  handles them. Each event is handled once and in the order of its subject, or dead-lettered once; between the steps, each
 *  message in the quarantine has its row, and each row its message. */
export async function killInQuarantine(
  options: RunOptions & { kills: readonly QuarantineKill[]; rounds: number },
): Promise<void> {
  const { kills, rounds, say = () => {} } = options;
  const worker = randomFrom(options.seed).pick(['parallel', 'serial']);
  const roles = {
    keeper: ['keeper'],
    earlier: ['worker', worker],
    later: ['worker', worker],
    reject: ['quarantine', 'reject', worker, '--type', 'amount.removed'],
    release: ['quarantine', 'release', worker],
  };
  await withFleet({ ...options, roles, env: { ...ROLLING_ENV, ...options.env } }, async (run) => {
    await run.fleet.command('topology', 'apply');
    await run.fleet.start(['keeper']);
    const till = await openTill(run.fleet);
    try {
      const quarantine = new Quarantine(run.fleet, till.broker, worker);
      const sent: Sent[] = [];
      for (let number = 1; number <= rounds; number += 1) {
        const events = await publish(run, till, number);
        sent.push(...events);
        await passThroughQuarantine({ ...run, kills, quarantine, say }, events);
        quarantine.requireHandledOnce(sent);
        say(`round ${number}: ${sent.length} events went through the quarantine of ${worker}`);
      }
      await eventually('the keeper has received every dead letter', () => quarantine.areDeadReceived(), PATIENT);
      await run.fleet.process('keeper').stop();
      quarantine.requireDeadOnce(sent);
    } finally {
      await till.close();
    }
  });
}

/** Publishes events of several subjects in turns. The earlier release cannot read the first one of each subject, and
 *  quarantines all of them. */
async function publish({ random }: ChaosRun, till: Till, number: number): Promise<Sent[]> {
  const sent: Sent[] = [];
  const next = new Map<string, number>();
  for (let index = 1; index <= SUBJECTS; index += 1) {
    next.set(`kept/${number}-${index}`, 1);
    next.set(`rejected/${number}-${index}`, 1);
  }
  for (let [first, ...others] = next.keys(); first !== undefined; [first, ...others] = next.keys()) {
    const subject = random.pick([first, ...others]);
    const count = next.get(subject) ?? 1;
    const isRejected = count === 1 && subject.startsWith('rejected/');
    const place = { subject, count };
    const id = await (isRejected ? till.remove(place) : till.add(count % 2 === 1 ? 'later' : 'earlier', place));
    sent.push({ ...place, id, isRejected });
    if (count === 4) next.delete(subject);
    else next.set(subject, count + 1);
  }
  return sent;
}

/** Takes events through every step; only they are quarantined meanwhile. */
async function passThroughQuarantine(round: Round, events: readonly Sent[]): Promise<void> {
  const { quarantine, random } = round;
  const remaining = events.filter(({ isRejected }) => !isRejected);

  await killAt(round, 'quarantine');
  await run(round, 'earlier', 'every message is quarantined', () => quarantine.rows().length === events.length);
  await quarantine.requireAgreement(events);

  if (round.kills.some(({ step }) => step === 'reconcile')) {
    quarantine.loseRows(random.pick(['kept', 'rejected']));
    quarantine.addOtherRows();
    await killAt(round, 'reconcile');
    await run(round, 'earlier', 'the rows are restored', () => quarantine.rows().length === events.length);
    await quarantine.requireAgreement(events);
  }

  await killAt(round, 'reject', 2);
  await round.fleet.command(...(round.fleet.options.roles?.['reject'] ?? []));
  await quarantine.requireAgreement(remaining);

  await killAt(round, 'command');
  await killAt(round, 'release');
  await run(round, 'later', 'everything is handled', () => quarantine.isEmpty());
  await quarantine.requireAgreement([]);
}

/** Kills the process of a step at each of its points. */
async function killAt(round: Round, step: QuarantineKill['step'], latest = 4): Promise<void> {
  const role = ROLE_OF[step];
  for (const { point } of round.kills.filter((kill) => kill.step === step)) {
    const spec = `${point}:${step === 'reconcile' ? 1 : round.random.between(1, latest)}`;
    const [armed] = round.fleet.launch([role], { RELEASE: releaseOf(role), FLOTILLA_FAILPOINT: spec });
    await eventually(`${role} passes ${spec}`, () => armed?.ended, PATIENT);
    const how = await armed?.exit();
    if (how !== 'SIGKILL') throw new Error(`${role} ended with ${how}, and did not pass ${spec}`);
    round.say(`killed at ${spec}: ${role}`);
  }
}

/** Runs a worker until the probe succeeds. */
async function run(
  { fleet }: Round,
  role: 'earlier' | 'later',
  description: string,
  probe: () => boolean | Promise<boolean>,
): Promise<void> {
  await fleet.start([role], { RELEASE: releaseOf(role) });
  await eventually(description, probe, PATIENT);
  const how = await fleet.process(role).stop();
  if (how !== '0') throw new Error(`${role} ended with ${how}`);
}

function releaseOf(role: string): string {
  return role === 'later' ? 'later' : 'earlier';
}
