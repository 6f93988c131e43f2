import type { MessageKind } from '../events/definition.js';
import { KEY, type Change, type Step } from './change.js';
import { counterexample } from './counterexample.js';
import { RULES, type RuleId, type Verdict } from './rules.js';
import type { Json, SchemaNode } from './shape.js';

/** A change that breaks readers, or that they should know. */
export interface Finding {
  rule: RuleId;
  severity: 'error' | 'warning';
  /** A message type, or an operation of the API: `POST /orders`, with a status if it is about a response. */
  type: string;
  /** Undefined for an operation. */
  version?: number;
  /** JSON Pointer (RFC 6901) into the schema. */
  pointer: string;
  /** The changed value of the data: `items[].sku`; empty for the data themselves. */
  field: string;
  before?: Json;
  after?: Json;
  backward: Verdict;
  forward: Verdict;
  why: string;
  /** Data that old code stored and the new schema refuses. */
  refusedStored?: Json;
  /** Data that new code writes and the old schema refuses. */
  refusedWritten?: Json;
  remedy: string;
}

/** What is compared. */
export interface Place {
  type: string;
  version?: number;
  /** Who must read whom: see `checkCatalogue`. */
  kind: MessageKind;
  /** Whether new code writes such data. */
  isWritten: boolean;
  old: SchemaNode;
  /** Undefined if it was removed. */
  now?: SchemaNode;
  /** What to do about a finding. */
  remedy: (rule: RuleId, severity: Finding['severity'], forward: Verdict) => string;
}

/** A change; by default of the whole value. */
export type Changed = Pick<Change, 'rule' | 'steps' | 'backward' | 'forward'> & Partial<Change>;

/** The finding of a change; none if it is harmless. */
export function findingOf({ type, version, kind, isWritten, old, now, remedy }: Place, changed: Changed): Finding[] {
  const change = { key: '', before: undefined, after: undefined, ...changed };
  const { rule, backward, steps, key, before, after } = change;
  const forward = isWritten ? change.forward : 'ok';
  const severity = severityOf(kind, backward, forward);
  if (severity === undefined) return [];
  const refusedStored = backward === 'breaks' && now ? counterexample(change, 'stored', now) : undefined;
  const refusedWritten = forward === 'breaks' ? counterexample(change, 'written', old) : undefined;
  return [
    {
      rule,
      severity,
      type,
      ...(version !== undefined && { version }),
      pointer: pointerOf(steps, rule, key),
      field: fieldOf(steps, rule, key),
      ...(before !== undefined && { before }),
      ...(after !== undefined && { after }),
      backward,
      forward,
      why: RULES[rule].why,
      ...(refusedStored !== undefined && { refusedStored }),
      ...(refusedWritten !== undefined && { refusedWritten }),
      remedy: remedy(rule, severity, forward),
    },
  ];
}

function severityOf(kind: MessageKind, backward: Verdict, forward: Verdict): Finding['severity'] | undefined {
  if (backward === 'breaks' || (kind === 'event' && forward === 'breaks')) return 'error';
  return backward === 'ok' && forward === 'ok' ? undefined : 'warning';
}

/** Rules about one field, whose key is its name. */
const isAboutField = (rule: RuleId) => rule.startsWith('field-');

function pointerOf(steps: readonly Step[], rule: RuleId, key: string): string {
  const parts = steps.flatMap(({ name, before }) => {
    if (name === KEY) return ['propertyNames'];
    if (before.kind !== 'array') return name === '*' ? ['additionalProperties'] : ['properties', name];
    return name === '[]' ? ['items'] : ['prefixItems', name];
  });
  const last = isAboutField(rule) ? ['properties', key] : key === '' ? [] : [key];
  return [...parts, ...last].map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The changed value of the data: `items[].sku`; empty for the data themselves. */
export function fieldOf(steps: readonly Step[], rule: RuleId, key: string): string {
  const names = [...steps.map(({ name, before }) => (before.kind === 'array' ? '[]' : name))];
  return [...names, ...(isAboutField(rule) ? [key] : [])]
    .reduce((path, name) => (name === '[]' ? `${path}[]` : `${path}.${name}`), '')
    .replace(/^\./, '');
}
