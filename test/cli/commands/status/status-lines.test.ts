import { expect } from 'chai';
import { statusLines } from '../../../../src/cli/commands/status/lines.js';
import type { Status } from '../../../../src/cli/commands/status/source.js';
import type { WorkerStatus } from '../../../../src/observability/fleet-status.js';
import type { ProcessReport } from '../../../../src/observability/processes/probe-process.js';

const NOW = Date.parse('2026-01-01T00:00:00.000Z');
const REFUSED = 'connecting: broker.refused_connection: Nothing listens';

function processOf(worker: string, pid: number, changed: Partial<ProcessReport> = {}): ProcessReport {
  return {
    role: 'worker',
    workers: [worker],
    url: `http://127.0.0.1:${4000 + pid}`,
    pid,
    startedAt: '2026-01-01T00:00:00.000Z',
    health: 'not ready',
    checks: { broker: { ok: false, detail: REFUSED } },
    breakers: {},
    inFlight: {},
    logOffsets: {},
    logAlarms: {},
    unpublished: {},
    topologyRecreated: 0,
    stoppedProjections: [],
    ...changed,
  };
}

function workerOf(worker: string, consumers: number): WorkerStatus {
  return {
    worker,
    hasQueue: true,
    exists: true,
    ready: 0,
    inFlight: 0,
    retrying: [],
    dead: 0,
    deadInBroker: 0,
    deadKept: 0,
    oldestDead: null,
    consumers,
    rates: null,
    breaker: null,
    breakerSince: null,
    breakerUntil: null,
  };
}

/** The lines below the table. */
function notesOf(changed: Partial<Status>, unreachable = false): string[] {
  const status: Status = {
    workers: [],
    logReaders: [],
    unrouted: { total: 0, examined: 0, commands: 0, events: 0, others: 0, oldestCommand: null },
    processes: [],
    broker: null,
    problems: [],
    brokerUrl: 'amqp://somewhere',
    differentSettings: [],
    signingKey: 'ab12cd34',
    fleetKey: null,
    sagas: [],
    quarantined: [],
    ordering: [],
    abandoned: [],
    missingBindings: [],
    unread: [],
    ...changed,
  };
  const lines = statusLines(status, { width: 200, now: NOW, unreachable });
  return lines.slice(lines.lastIndexOf('') + 1);
}

describe('the lines below the table of `flotilla status`', () => {
  it('print a reason once that several processes report, and then what each reports alone', () => {
    const full = { ok: false, detail: 'store.full' };
    const payment = processOf('payment', 2, { checks: { broker: { ok: false, detail: REFUSED }, store: full } });
    expect(notesOf({ processes: [processOf('email', 1), payment] })).to.deep.equal([
      '2 processes are not ready: email (pid 1), payment (pid 2)',
      `  broker: ${REFUSED}`,
      'payment (pid 2, http://127.0.0.1:4002) is not ready',
      '  store: store.full',
    ]);
  });

  it('print which process has the sinks and sources of Kafka, and their lag', () => {
    const checks = {
      'sink:core': { ok: true, detail: '3 positions behind' },
      'sink:other': { ok: true, detail: 'another process publishes' },
      'source:warehouse': { ok: true, detail: 'reads warehouse, 0 records behind' },
    };
    expect(
      notesOf({ processes: [{ ...processOf('email', 7), role: 'kafka', workers: [], checks, health: 'ready' }] }),
    ).to.deep.equal([
      'sink:core is with kafka (pid 7): 3 positions behind',
      'source:warehouse is with kafka (pid 7): reads warehouse, 0 records behind',
    ]);
  });

  it('print the remedy of a process that does not answer, in place of the warning about its queue', () => {
    const workers = [workerOf('email', 0), workerOf('payment', 0)];
    const lines = notesOf({ workers, processes: [processOf('email', 1, { health: 'silent', checks: {} })] });
    expect(lines.slice(0, 2)).to.deep.equal([
      'WARNING: queues without a consumer; the worker does not run, or its circuit breaker is open on another machine:',
      '  payment',
    ]);
    expect(lines.slice(2).join('\n')).to.match(
      /^email \(pid 1, .*\) does not answer; .*: if this lasts, run kill -KILL 1; flotilla up or another supervisor starts/,
    );
  });

  it('omit the reason of the management API without a connection to the broker, which has its own reason', () => {
    const problems = ['management API: http://here:15672: nothing listens there', 'store ops: not on this machine'];
    expect(notesOf({ problems }).filter((line) => line.startsWith('Unknown'))).to.deep.equal([
      'Unknown: management API: http://here:15672: nothing listens there',
      'Unknown: store ops: not on this machine',
    ]);
    expect(notesOf({ problems }, true).filter((line) => line.startsWith('Unknown'))).to.deep.equal([
      'Unknown: store ops: not on this machine',
    ]);
  });

  it('omit a store that the caller reports as unread', () => {
    const problems = ['store ops: not on this machine'];
    expect(notesOf({ problems, unread: ['ops'] }).join()).not.to.contain('store ops');
  });

  it('count queues without a leader in one line with the remedy', () => {
    const queues = ['a', 'b', 'c'].map((name) => `queue ${name}: it has no leader or no majority of its nodes`);
    const lines = notesOf({ problems: [...queues, 'queue d: no answer in time'] });
    expect(lines).to.have.length(2);
    expect(lines[0]).to.match(/^Unknown: 3 queues: it has no leader .*: restart the broker/);
    expect(lines[1]).to.equal('Unknown: queue d: no answer in time');
  });

  it('name unrouted messages that were not examined', () => {
    const unrouted = { total: 10_000, examined: 200, commands: 0, events: 200, others: 0, oldestCommand: null };
    expect(notesOf({ unrouted })[0]).to.match(
      /among the first 200 of 10000\), and there may be commands among the others/,
    );
    expect(notesOf({ unrouted: { ...unrouted, total: 200 } }).join()).not.to.contain('the others');
  });

  it('warn of topology that was recreated', () => {
    const views = processOf('views', 1, { health: 'ready', topologyRecreated: 3 });
    const [line] = notesOf({ processes: [views, processOf('email', 2, { health: 'ready' })] });
    expect(line).to.match(/^WARNING: topology was missing and has been recreated: 3 parts by views \(pid 1\) since/);
    expect(notesOf({ processes: [processOf('views', 1, { health: 'ready' })] }).join()).not.to.contain('recreated');
  });

  it('name a service whose events wait to be published, once and only after some seconds', () => {
    const reporting = (worker: string, pid: number, unpublished: ProcessReport['unpublished']) =>
      processOf(worker, pid, { health: 'ready', unpublished });
    const processes = [
      reporting('orders', 1, { core: { events: 3, seconds: 23.4 } }),
      reporting('views', 2, { core: { events: 3, seconds: 21 }, views: { events: 40, seconds: 0.3 } }),
      reporting('payment', 3, { payment: { events: 1, seconds: 5 } }),
    ];
    expect(notesOf({ processes })).to.deep.equal([
      '3 events of core wait to be published, the oldest for 23s',
      '1 event of payment waits to be published, the oldest for 5s',
    ]);
  });

  it('begin with the alarms', () => {
    const lines = notesOf({
      workers: [workerOf('payment', 0)],
      unrouted: { total: 2, examined: 2, commands: 1, events: 1, others: 0, oldestCommand: null },
      sagas: [{ saga: 'fulfilment', worker: 'payment', started: 0, compensating: 0, failed: 1 }],
      processes: [processOf('views', 1, { health: 'ready', stoppedProjections: ['sales'] })],
    });
    const isAlarm = lines.map((line) => line.startsWith('ALARM'));
    expect(isAlarm).to.deep.equal([true, true, true, false, false, false]);
  });
});
