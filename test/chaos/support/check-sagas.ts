import { orderFulfilment } from '../../../platform/orders/fulfilment/fulfilment-saga.js';
import { evolve, initialState } from '../../../src/sagas/decision/state.js';
import { ANSWERS, endingOf, SAGAS, type SagaHistory } from './sagas.js';
import { differences, type World } from './world.js';
import { sagaDefinitionOf } from '../../../src/sagas/definition/define-saga.js';

const { name, steps } = sagaDefinitionOf(orderFulfilment);

/** Every orchestrated order has exactly one saga, which ends like its order and has recorded, sent, awaited and
 *  compensated all that its definition requires; no other service took part in it. */
export function checkSagas(world: World): string[] {
  return [
    ...checkBelonging(world),
    ...checkEnds(world),
    ...[...world.sagas].flatMap(([id, saga]) => [...checkCourse(id, saga), ...checkTimes(id, saga)]),
    ...checkTimers(world),
    ...checkRows(world),
    ...checkCopies(world),
    ...checkCommands(world),
    ...checkAnswers(world),
  ];
}

/** Only the coordinator named in an order has acted on it. */
function checkBelonging({ fulfilments, sagas, events }: World): string[] {
  const begun = events.filter(({ service, type }) => service === SAGAS && type === 'saga.started');
  const hands = new Map(
    events
      .filter(({ service }) => service === SAGAS || service === 'order-choreography')
      .map(({ service, subject }) => [`${service} ${subject}`, { service, id: subject.split('/')[1] ?? '' }]),
  );
  return [
    ...[...fulfilments]
      .filter(([id, fulfilment]) => fulfilment === 'orchestrated' && !sagas.has(id))
      .map(([id]) => `order ${id} has no saga`),
    ...[...sagas.keys()].flatMap((id) =>
      differences(`sagas of order ${id}`, {
        begun: [begun.filter(({ data }) => data.sagaId === id).length, 1],
      }),
    ),
    ...[...hands.values()]
      .filter(({ service, id }) => (fulfilments.get(id) === 'orchestrated') !== (service === SAGAS))
      .map(
        ({ service, id }) =>
          `${service} has a hand in order ${id}, which is ${fulfilments.get(id) ?? 'does not exist'}`,
      ),
  ];
}

/** Sagas of shipped orders are completed, others are compensated; a saga of a stuck order awaits a dead-lettered
 *  command. */
function checkEnds({ promised, statuses, sagas, deadLetters }: World): string[] {
  return [...sagas].flatMap(([id, saga]) => {
    const { status, waiting } = saga.state;
    const shown = statuses.get(id);
    const waited = waiting && saga.state.steps[waiting.step]?.[waiting.direction].commands;
    const isDead = deadLetters.some(({ state, event_id }) => state === 'dead' && waited?.includes(event_id ?? ''));
    if (shown === 'stuck' && isDead) return [];
    const ending = endingOf(saga, promised.orders.get(id)?.cancelAccepted === true);
    if (ending !== undefined && ending === shown) return [];
    return [`the saga of order ${id} is ${status}, ${waiting?.step ?? 'nothing'} awaited; the order is ${shown}`];
  });
}

/** Steps run in order and are compensated in reverse order, and none remains uncompensated at the end. */
function checkCourse(id: string, { events }: SagaHistory): string[] {
  const wrong: string[] = [];
  const order = steps.map((step) => step.name);
  const done = new Set<string>();
  /** Steps that may have been executed and are not compensated. */
  const owed = new Set<string>();
  let underWay = '';
  for (const { type, data } of events) {
    if (type === 'saga.step_started') {
      const { step, direction } = data;
      const at = order.indexOf(step);
      if (direction === 'forward' && order.slice(0, at).some((before) => !done.has(before)))
        wrong.push(`order ${id}: ${step} was begun too early`);
      // a retry of the current compensation may follow a late answer of a later step
      if (direction === 'back' && underWay !== step && order.slice(at + 1).some((later) => owed.has(later)))
        wrong.push(`order ${id}: ${step} was undone before what followed it`);
      if (direction === 'forward') owed.add(step);
      underWay = direction === 'back' ? step : '';
    } else if (type === 'saga.step_completed') {
      if (data.direction === 'forward') done.add(data.step);
      else owed.delete(data.step);
      underWay = '';
    } else if (type === 'saga.step_failed') {
      if (data.direction === 'forward' && data.cause === 'answer') owed.delete(data.step);
    } else if (type === 'saga.message_noted') {
      if (data.rule === 'late') owed.add(data.step ?? '');
      if (data.rule === 'late_refusal') owed.delete(data.step ?? '');
    } else if (type === 'saga.completed') {
      if (owed.size < order.length) wrong.push(`order ${id} is completed, with ${[...owed].join(', ')} done`);
    } else if (type === 'saga.compensated') {
      if (owed.size > 0) wrong.push(`order ${id} is undone, but for ${[...owed].join(', ')}`);
    }
  }
  return wrong;
}

/** A timer fires only while it is awaited; outdated timers are deleted. */
function checkTimes(id: string, { events }: SagaHistory): string[] {
  let state = initialState;
  return events.flatMap((event) => {
    const { waiting } = state;
    state = evolve(state, event);
    if (event.type !== 'saga.timer_due') return [];
    const { step, direction, attempt, timer } = event.data;
    const isWaitedFor =
      waiting?.step === step &&
      waiting.direction === direction &&
      waiting.attempt === attempt &&
      waiting.timer === timer;
    return isWaitedFor ? [] : [`order ${id}: the ${timer} of ${step}, ${direction} ${attempt}, fired and was over`];
  });
}

/** Each waiting saga has its timer, and no other timers exist. */
function checkTimers({ stores, sagas }: World): string[] {
  const kept = new Set(stores.rows<{ id: string }>(SAGAS, 'SELECT id FROM flotilla_timers').map(({ id }) => id));
  const wanted = new Set(
    [...sagas].flatMap(([id, { state }]) => {
      if (state.waiting === undefined) return [];
      const { step, direction, attempt, timer } = state.waiting;
      return [['saga', name, id, step, direction, attempt, timer].join('/')];
    }),
  );
  return [
    ...[...kept].filter((id) => !wanted.has(id)).map((id) => `a timer without a saga: ${id}`),
    ...[...wanted].filter((id) => !kept.has(id)).map((id) => `a timer is missing: ${id}`),
  ];
}

interface Row {
  saga: string;
  saga_id: string;
  status: string;
  step: string | null;
  direction: string | null;
  attempt: number | null;
  due_at: string | null;
  timer: string | null;
  reason: string;
}

/** The list of sagas matches their streams. */
function checkRows({ stores, sagas }: World): string[] {
  const rows = stores.rows<Row>(
    SAGAS,
    'SELECT saga, saga_id, status, step, direction, attempt, due_at, timer, reason FROM sagas',
  );
  const listed = new Map(rows.map(({ saga, saga_id, ...row }) => [`${saga}/${saga_id}`, JSON.stringify(row)]));
  const recorded = new Map(
    [...sagas].map(([id, { state }]) => {
      const { status, waiting, failedStep, reason } = state;
      const row: Omit<Row, 'saga' | 'saga_id'> = {
        status,
        step: waiting?.step ?? failedStep ?? null,
        direction: waiting?.direction ?? (failedStep === undefined ? null : 'back'),
        attempt: waiting?.attempt ?? null,
        due_at: waiting?.at ?? null,
        timer: waiting?.timer ?? null,
        reason,
      };
      return [`${name}/${id}`, JSON.stringify(row)];
    }),
  );
  return [...new Set([...listed.keys(), ...recorded.keys()])]
    .filter((stream) => listed.get(stream) !== recorded.get(stream))
    .map((stream) => `${stream} is listed as ${listed.get(stream)}, and is ${recorded.get(stream)}`);
}

/** The entries that the API returns match the streams. */
function checkCopies({ stores, sagas }: World): string[] {
  const copies = new Map<string, string[]>();
  const entries = stores.rows<{ saga_id: string; type: string }>(
    'core',
    'SELECT saga_id, type FROM saga_entries ORDER BY saga_id, sequence',
  );
  for (const { saga_id, type } of entries) copies.set(saga_id, [...(copies.get(saga_id) ?? []), type]);
  return [...new Set([...copies.keys(), ...sagas.keys()])]
    .filter((id) => String(copies.get(id)) !== String(sagas.get(id)?.events.map(({ type }) => type)))
    .map((id) => `the copy of the saga of order ${id} differs from its stream`);
}

/** The stored commands are exactly those recorded in the streams. */
function checkCommands({ events, sagas }: World): string[] {
  const given = new Set(
    events
      .filter(({ service, type }) => service === SAGAS && !type.startsWith('saga.'))
      .map(({ id, type, subject }) => `${type} ${id} of ${subject}`),
  );
  const recorded = new Set(
    [...sagas].flatMap(([id, saga]) =>
      saga.events.flatMap(({ type, data }) =>
        type === 'saga.step_started' ? [`${data.command.type} ${data.command.id} of order/${id}`] : [],
      ),
    ),
  );
  return [
    ...[...recorded].filter((command) => !given.has(command)).map((command) => `not stored: ${command}`),
    ...[...given].filter((command) => !recorded.has(command)).map((command) => `no saga has recorded ${command}`),
  ];
}

/** Every command of a saga is answered once unless it is dead-lettered; other commands at most once. */
function checkAnswers({ events, deadLetters }: World): string[] {
  const answers = new Map<string, string[]>();
  for (const { causationid, type } of events) {
    if (causationid !== undefined) answers.set(causationid, [...(answers.get(causationid) ?? []), type]);
  }
  const dead = new Set(deadLetters.map(({ event_id }) => event_id));
  return events.flatMap(({ service, id, type, subject }) => {
    const expected = ANSWERS.get(type);
    if (expected === undefined) return [];
    const followed = answers.get(id) ?? [];
    const found = followed.filter((answer) => expected.includes(answer));
    const mayBeSilent = service !== SAGAS || dead.has(id) || followed.includes(type); // reissued: the state had changed
    if (found.length === 1 || (found.length === 0 && mayBeSilent)) return [];
    return [`${type} ${id} of ${subject}: answered ${found.join(', ') || 'by no service'}`];
  });
}
