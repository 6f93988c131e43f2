/** Message types, workers, stores and processes of a fleet.
 *  @module flotilla */

// Message types
export { baseCatalogue, catalogue, type Catalogue, type ContextOf } from './fleet/catalogue.js';
export { command, event, fromOutside, type MessageDefinition, type MessageKind } from './events/definition.js';
export { rule } from './events/named-rules.js';
export { pii } from './events/personal.js';
export { issuesOf } from './events/issues.js';
export { oneLine, textLine } from './events/text-line.js';
export type { DataOf, Definitions } from './events/definitions.js';

// Events
export { originContext } from './events/create.js';
export { derivedId, newId } from './events/ids.js';
export type { EventContext, EventEnvelope, UnsequencedEvent } from './events/envelope.js';

// Workers
export type { Context, WriteTx } from './worker/definition/options.js';
export type { TelemetryMessage, TelemetryResult } from './worker/telemetry/telemetry.js';
export type { Worker } from './worker/definition/worker-definition.js';
export {
  callOnce,
  closeAction,
  idempotencyKeys,
  KeyReusedError,
  type ExternalAction,
  type Refused,
} from './worker/handler/call-once.js';
export { defineJournal } from './journal/define-journal.js';

// Aggregates
export type { Decided, Decider } from './aggregates/decider.js';
export type { SnapshotPolicy } from './aggregates/snapshot-policy.js';
export type { ExecuteOptions, Expectation, NextContext } from './aggregates/execute.js';
export type { ExecutedOnStore, ExecuteOnStoreOptions } from './aggregates/execute-on-store.js';
export { checkVersion, type ExpectedVersions } from './aggregates/expected-versions.js';
export { readStream, type AggregateReader, type Loaded, type StreamReader } from './aggregates/load.js';

// Projections
export { projectionLag, type ProjectionLag } from './projections/projection-lag.js';
export type { Projection, ProjectionTx } from './projections/definition.js';

// Windows
export { hopping, sliding, tumbling, type WindowShape } from './windows/shapes.js';
export type { EventPart } from './windows/event-part.js';
export { windowResult, type WindowData } from './windows/window-result.js';
export type { Windows } from './windows/definition.js';
export { statistics, type Statistics, type StatisticsSummary } from './windows/statistics/statistics.js';
export { quantiles, type Quantiles } from './windows/statistics/quantiles.js';

// Sagas
export type {
  CompensationOptions,
  Json,
  Saga,
  SagaContext,
  SagaOptions,
  StepOptions,
} from './sagas/definition/types.js';
export { loadSagaProgress, saveSagaEntry, sagaEntryMigrations } from './sagas/progress/stored-entries.js';
export {
  sagaProgressStatuses,
  stepStatuses,
  type SagaProgress,
  type SagaProgressStatus,
  type SagaWaiting,
  type StepProgress,
  type StepStatus,
} from './sagas/progress/progress.js';

// Stores
export type {
  Archived,
  Migration,
  ReadFilter,
  Snapshot,
  Sql,
  SqlValue,
  Store,
  StreamMetadata,
  Tx,
} from './store/store.js';
export type { StoredEvent } from './store/stored-event.js';

// Fleets
export { defineFleet, type Fleet, type FleetUrls } from './fleet/define-fleet.js';
export {
  defineLoad,
  type EndedItem,
  type Load,
  type LoadContext,
  type LoadDeclaration,
  type RunningLoad,
} from './fleet/load.js';
export type { SandboxDeclaration, SandboxOptions } from './fleet/sandbox.js';

// Processes
export { loadConfig, type Config } from './config/load-config.js';
export { openStore } from './runtime/open-store.js';
export { runApi, type ReadyApi, type RunApiOptions } from './runtime/run-api.js';
export { runKeeper } from './runtime/run-keeper.js';
export type { Running, RunOptions, RunState } from './runtime/running.js';
export { runWorkers, type RunWorkersOptions } from './runtime/run-workers.js';

// Operations
export {
  FleetSession,
  type FleetQueues,
  type FleetSessionOptions,
  type ResumeReplayOptions,
} from './runtime/operator/fleet-session.js';
export type { Access } from './runtime/operator/operator-broker.js';
export {
  replayDeadLetters,
  type DeadLetterContext,
  type DeadLetterReplayResult,
  type DeadLetterReplaySummary,
  type ReplayDeadLettersOptions,
} from './dead-letters/operations/replay-dead-letters.js';
export type { PreparedReplay, PrepareReplayOptions } from './replay/prepare-replay.js';
export type { DryRunOptions, ReplayDryRun } from './replay/dry-run.js';
export type { ReplaySelection } from './replay/history/history.js';
export type { ReplayCallbacks, ReplayCounts, ReplayRequest, ReplayRun } from './replay/runs/replay-run.js';

// Brokers, and clients without a store
export type { Broker } from './broker/broker.js';
export { createMemoryBroker } from './broker/memory/broker.js';
export { createRabbitBroker, type RabbitBrokerOptions } from './broker/rabbitmq/broker.js';
export { subscribe, type SubscriberContext, type Subscription } from './client/subscriber.js';
export { createPublisher } from './client/publisher.js';

// Errors and logs
export { errors, FlotillaError, hasCode, PermanentError, UnavailableError, type ErrorCode } from './errors.js';
export { ConflictError } from './store/conflict-error.js';
export type { Logger } from './telemetry/logger.js';
export { redact } from './text/redact.js';
