import type { z } from 'zod';
import type { ProblemType } from '../problems/problems.js';

/** What a request for a document names. */
export interface DocumentRequest {
  /** The parameters in the path. */
  params: Readonly<Record<string, string>>;
  /** The path below which the API is mounted in another application; empty without one. */
  baseUrl: string;
}

/** How the OpenAPI document describes a document. */
export interface DocumentOperation {
  operationId: string;
  summary: string;
  description: string;
  /** The schema of its content. @default any object */
  schema?: z.ZodType;
  problems?: readonly ProblemType[];
}

/** A document, a page or a file that the API serves beside its routes. It changes with a release only, and contains no
 *  personal data: caches may store it. */
export interface ApiDocument {
  /** In the syntax of Express: `/schemas/:type/:version`. */
  readonly path: string;
  readonly contentType: string;
  /** `hour`: used for an hour without asking again. `revalidate`: compared by its ETag before each use. */
  readonly cache: 'hour' | 'revalidate';
  /** Directives of the Content-Security-Policy for what a page loads. @default it loads nothing */
  readonly loads?: string;
  /** Absent for pages and files, which the OpenAPI document omits. */
  readonly operation?: DocumentOperation;
  /** Throws a `ProblemError` if the parameters name nothing. */
  readonly content: (request: DocumentRequest) => string | Uint8Array | Promise<string | Uint8Array>;
}
