import type { CommandModule } from '../program.js';
import * as api from './api.js';
import * as config from './config.js';
import * as dead from './dead/index.js';
import * as doctor from './doctor/index.js';
import * as events from './events/index.js';
import * as keeper from './keeper.js';
import * as newWorker from './new/index.js';
import * as projections from './projections/index.js';
import * as replay from './replay/index.js';
import * as reset from './reset.js';
import * as retrying from './retrying.js';
import * as sagas from './sagas/index.js';
import * as sandbox from './sandbox.js';
import * as status from './status/index.js';
import * as stores from './stores/index.js';
import * as streams from './streams/index.js';
import * as topology from './topology/index.js';
import * as unrouted from './unrouted.js';
import * as up from './up.js';
import * as worker from './worker.js';

/** In the order in which help shows them. */
export const commandModules: readonly CommandModule[] = [
  up,
  api,
  worker,
  keeper,
  sandbox,
  status,
  topology,
  dead,
  retrying,
  unrouted,
  events,
  stores,
  streams,
  projections,
  sagas,
  replay,
  newWorker,
  reset,
  doctor,
  config,
];
