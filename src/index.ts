export { boundedFetch, type BoundedAnswer, type BoundedRequest } from './net/bounded-fetch.js';
export { baseCatalogue, catalogue, type Catalogue } from './fleet/catalogue.js';
export { parseDuration } from './duration.js';
export { errors, FlotillaError, hasCode, PermanentError, UnavailableError, type ErrorCode } from './errors.js';
export { foreignRequest } from './net/foreign-request.js';
export { isLoopback } from './net/loopback.js';
export { redact } from './text/redact.js';
export { createHttpServer, type ServerLimits } from './net/http-server.js';
export { event, command, fromOutside, type MessageDefinition, type MessageKind } from './events/definition.js';
export { pii } from './events/personal.js';
export type { DataOf, Definitions } from './events/definitions.js';
export type { EventContext, EventEnvelope, UnsequencedEvent } from './events/envelope.js';
export { oneLine, textLine } from './events/text-line.js';
export { originContext } from './events/create.js';
export { derivedId, newId } from './events/ids.js';
export type { Decided, Decider, SnapshotPolicy } from './aggregates/decider.js';
export { handle, type Handled, type HandleOptions } from './aggregates/handle.js';
export { checkVersion, type ExpectedVersions } from './aggregates/expected-versions.js';
export { handleCommand, type Expectation, type NextContext } from './aggregates/handle-command.js';
export {
  loadAggregate,
  readStream,
  rehydrate,
  type AggregateReader,
  type Loaded,
  type StreamReader,
} from './aggregates/load.js';
export { ConflictError } from './store/conflict-error.js';
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
} from './store/contract.js';
export { readPages, type ReadPagesOptions } from './store/read-pages.js';
export type { StoredEvent } from './store/stored-event.js';
export { defineFleet, type Fleet, type FleetUrls } from './fleet/define-fleet.js';
export type { SandboxDeclaration, SandboxOptions } from './fleet/sandbox.js';
export type { Context, WriteTx } from './worker/definition/options.js';
export type { Worker } from './worker/definition/worker-definition.js';
export type { Projection, ProjectionTx } from './projections/projection.js';
export type { Json, Saga, SagaContext, SagaOptions, StepOptions, CompensationOptions } from './sagas/types.js';
export { keepSagaEntry, keptSagaStory, sagaEntryMigrations } from './sagas/entries.js';
export {
  stepProgress,
  storyStatuses,
  type SagaStory,
  type StepProgress,
  type StepStory,
  type StoryStatus,
  type WaitingStory,
} from './sagas/story.js';
export { readModel, readModelHeaders, type ReadModel } from './projections/read-model.js';
export { defineJournal } from './journal/define-journal.js';
export type { Logger } from './telemetry/logger.js';
export {
  defineRoute,
  type ReadRequest,
  type Reply,
  type Route,
  type StoreReader,
  type WriteRequest,
} from './api/route.js';
export { invalidRequest, ProblemError, problemType, type ProblemType } from './api/problems.js';
export type { ApiInfo } from './api/openapi/document.js';
export { cursor, cursorOf, type Cursor } from './api/cursor.js';
export { withTimeRange } from './api/time-range.js';
export { createPublisher, subscribe, type SubscriberContext, type Subscription } from './client/subscriber.js';
export type { Broker } from './broker/contract.js';
export { createMemoryBroker } from './broker/memory/index.js';
export { createRabbitBroker, type RabbitBrokerOptions } from './broker/rabbitmq/index.js';
export { loadConfig, type Config } from './config/load.js';
export { openStore } from './runtime/open-store.js';
export { runApi, type ReadyApi, type RunApiOptions } from './runtime/run-api.js';
export { runKeeper } from './runtime/run-keeper.js';
export type { Running, RunOptions, RunState } from './runtime/running.js';
export { runWorkers, type RunWorkersOptions } from './runtime/run-workers.js';
