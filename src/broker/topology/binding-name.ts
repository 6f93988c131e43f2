import type { BindingSpec } from './topology.js';

/** Formats a binding for people: `events -> payment by order.*`. */
export function bindingName({ source, destination, routingKey, arguments: fields = {} }: BindingSpec): string {
  const extra = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`;
  return `${source} -> ${destination} by ${routingKey === '' ? '(all)' : routingKey}${extra}`;
}

/** Returns a key that is the same for equal bindings only. */
export function bindingKey({ source, destination, kind, routingKey, arguments: fields = {} }: BindingSpec): string {
  const sorted = Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([source, kind, destination, routingKey, sorted]);
}
