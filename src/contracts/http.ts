import type { JsonSchema } from '../events/schema-fields.js';
import { compareSchemas } from './compare.js';
import { findingOf, type Changed, type Finding, type Place } from './finding.js';
import { operationsOf, type Operation } from './operations.js';
import { RULES, type RuleId, type Verdict } from './rules.js';

/** The result of the comparison of an API. */
export interface ApiResult {
  findings: Finding[];
  /** The number of compared operations. */
  compared: number;
}

/** Compares the OpenAPI document of an API with a committed one. The server must read the requests of old clients, as the
 *  handler of a command does; that an older server refuses new requests is a warning. Old clients must read new responses
 *  after a success, and new clients old ones, as readers of an event do: an older server may still run, and a response is
 *  stored under its Idempotency-Key. Problems are not compared, because clients accept problems that they do not know. */
export function checkApi(before: JsonSchema, now: JsonSchema): ApiResult {
  const [old, current] = [operationsOf(before), operationsOf(now)];
  const findings = [...old].flatMap(([name, operation]) => {
    const next = current.get(name);
    if (next === undefined) return operationFinding(name, operation, 'route-removed', undefined);
    return [
      ...checkRequest(name, operation, next),
      ...checkResponses(name, operation, next),
      ...(operation.id === next.id ? [] : operationFinding(name, operation, 'operation-renamed', next)),
    ];
  });
  return { findings, compared: old.size };
}

function checkRequest(name: string, old: Operation, now: Operation): Finding[] {
  const place: Place = { ...placeOf(name, old, now), kind: 'command', old: old.request, now: now.request };
  return compareSchemas(old.request, now.request, { isStrict: true }).flatMap((change) =>
    findingOf(place, change).map((finding) => ({
      ...worded(finding, 'Requests of old clients', 'Older servers'),
      pointer: `${old.pointer}${requestPointer(finding.pointer)}`,
    })),
  );
}

function checkResponses(name: string, old: Operation, now: Operation): Finding[] {
  const statuses = [...new Set([...old.responses.keys(), ...now.responses.keys()])].sort();
  return statuses.flatMap((status) => {
    const [before, after] = [old.responses.get(status), now.responses.get(status)];
    const place = placeOf(`${name} ${status}`, old, now);
    const pointer = `${old.pointer}/responses/${status}`;
    if (before === undefined || after === undefined) {
      const rule = before === undefined ? 'status-added' : 'status-removed';
      return findingOf(place, { ...RULES[rule], rule, steps: [] }).map((finding) => ({ ...finding, pointer }));
    }
    return compareSchemas(before, after).flatMap((change) =>
      findingOf({ ...place, old: before, now: after }, change).map((finding) => ({
        ...worded(finding, 'Responses of old servers', 'Older clients'),
        pointer: `${pointer}/content/application~1json/schema${finding.pointer}`,
      })),
    );
  });
}

function operationFinding(name: string, old: Operation, rule: RuleId, now: Operation | undefined): Finding[] {
  const renamed = now === undefined ? {} : { key: 'operationId', before: old.id, after: now.id };
  const changed: Changed = { ...RULES[rule], rule, steps: [], ...renamed };
  return findingOf(placeOf(name, old, now), changed).map((finding) => ({
    ...finding,
    pointer: `${old.pointer}${finding.pointer}`,
  }));
}

function placeOf(type: string, { request }: Operation, now: Operation | undefined): Place {
  return {
    ...{ type, kind: 'event', isWritten: true, remedy, old: request },
    ...(now !== undefined && { now: now.request }),
  };
}

function remedy(rule: RuleId, severity: Finding['severity'], forward: Verdict): string {
  if (rule === 'route-removed') return 'Keep it while clients call it.';
  if (rule === 'operation-renamed') return 'Keep the name, or tell the users of generated clients.';
  if (severity === 'warning')
    return forward === 'breaks' ? 'Deploy the server before its clients.' : 'Check the clients.';
  if (forward === 'ok' && rule.startsWith('field-') && rule.endsWith('-required')) {
    return 'Make it optional until every server and client of the old release is gone.';
  }
  return 'Undo the change, or serve it under another path.';
}

/** The rules are about messages: here, other parties read and write. */
function worded(finding: Finding, stored: string, readers: string): Finding {
  return { ...finding, why: finding.why.replace('Stored data', stored).replace('Older readers', readers) };
}

/** A pointer into the schema of a whole request, as a pointer into an operation. */
function requestPointer(pointer: string): string {
  return pointer
    .replace(/^\/properties\/body/, '/requestBody/content/application~1json/schema')
    .replace(/^\/properties\/(path|query|header)(\/properties)?/, '/parameters/$1');
}
