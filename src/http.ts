/** Routes, the HTTP server, and helpers for HTTP clients. `runApi` of `flotilla` serves the routes of a fleet; with
 *  `server: false` it creates only the app, for mounting in an Express application.
 *  @module flotilla/http */

export { createApi, type ApiOptions } from './api/app.js';
export { serveApi, type ApiServer, type ServerOptions } from './api/server.js';
export {
  defineRoute,
  type ReadRequest,
  type Reply,
  type Route,
  type StoreReader,
  type WriteRequest,
} from './api/route.js';
export { invalidRequest, ProblemError, problemType, type ProblemType } from './api/problems/problems.js';
export { cursor, cursorOf, type Cursor } from './api/input/cursor.js';
export { withTimeRange } from './api/input/time-range.js';
export type { ApiInfo } from './api/openapi/document.js';
export { boundedFetch, type BoundedAnswer, type BoundedRequest } from './net/bounded-fetch.js';
export { createHttpServer, type ServerLimits } from './net/http-server.js';
export { foreignRequest } from './net/foreign-request.js';
export { isLoopback } from './net/loopback.js';
