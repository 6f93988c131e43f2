import { z } from 'zod';
import { documentPaths, type DescribedDocument } from './document-operations.js';
import { headerRefs } from './headers.js';
import { anyProblem, ofServer, problemResponses } from './problem-schemas.js';
import type { Json, Schemas } from './schemas.js';

export const OPERATIONS_TAG = { name: 'Operations', description: 'Health, metrics and documents' };

const readiness = z
  .object({
    status: z.enum(['ready', 'not_ready']),
    checks: z.record(z.string(), z.object({ ok: z.boolean(), detail: z.string().optional() })),
  })
  .meta({ id: 'Readiness', description: 'Whether the process is ready, and each of its checks' });

const liveness = z.object({ status: z.literal('ok') }).meta({ id: 'Liveness', description: 'The process answers' });

type Access = 'request.unauthorized' | 'request.foreign';

/** The paths that every API has besides its routes, and those of documents. */
export function ownPaths(
  schemas: Schemas,
  access: Access,
  documents: readonly DescribedDocument[],
): Record<string, Json> {
  const headers = headerRefs('X-Correlation-Id');
  const answer = (description: string, type: string, schema: Json) => ({
    description,
    headers,
    content: { [type]: { schema } },
  });
  const problems = (...codes: Parameters<typeof ofServer>) => problemResponses(ofServer(...codes), schemas, headers);
  const operation = (operationId: string, summary: string, description: string, responses: Json, open = false) => ({
    get: { operationId, summary, description, tags: [OPERATIONS_TAG.name], ...(open && { security: [] }), responses },
  });
  const another = {
    description: 'Another problem',
    headers,
    content: { 'application/problem+json': { schema: anyProblem(schemas) } },
  };
  // health checks need no token
  const refused = access === 'request.foreign' ? problems(access) : { '4XX': another };
  const ready = schemas.response(readiness);
  return {
    '/livez': operation(
      'getLiveness',
      'Check that the process answers',
      'For a supervisor that restarts processes: 200 while the event loop turns.',
      {
        '200': answer('The process answers', 'application/json', schemas.response(liveness)),
        ...refused,
        ...problems('internal'),
      },
      true,
    ),
    '/readyz': operation(
      'getReadiness',
      'Check that the process is ready',
      'For a load balancer: 503 while a check fails.',
      {
        '200': answer('Every check passes', 'application/json', ready),
        ...refused,
        ...problems('internal'),
        '503': answer('A check fails', 'application/json', ready),
      },
      true,
    ),
    '/metrics': operation('getMetrics', 'Read the metrics for Prometheus', 'In the text format of Prometheus.', {
      '200': answer('The metrics of this process', 'text/plain', { type: 'string' }),
      ...problems(access, 'internal'),
    }),
    ...documentPaths(documents, schemas, { tag: OPERATIONS_TAG.name, access }),
  };
}
