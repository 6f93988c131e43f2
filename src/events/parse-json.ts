import { isUtf8 } from 'node:buffer';
import { FlotillaError } from '../errors.js';

/** Maximum nesting, greater than that of any schema. Deeper JSON is rejected before recursive code can exhaust the
 *  stack. */
const MAX_DEPTH = 64;

/** Parses JSON: UTF-8, or a text. Throws `contract.not_json`. */
export function parseJson(body: Uint8Array | string): unknown {
  try {
    if (typeof body !== 'string' && !isUtf8(body)) throw new FlotillaError('contract.not_json', 'not UTF-8');
    const text = textOf(body);
    refuseDepth(text);
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof FlotillaError) throw error;
    throw new FlotillaError('contract.not_json', body.length === 0 ? 'the body is empty' : undefined, { cause: error });
  }
}

/** Decodes UTF-8 without copying the bytes. */
export function textOf(body: Uint8Array | string): string {
  if (typeof body === 'string') return body;
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
}

/** Whether the text contains more than `limit` of a character; stops counting there. */
function hasMoreThan(limit: number, character: string, text: string): boolean {
  let at = -1;
  for (let count = 0; count <= limit; count++) {
    at = text.indexOf(character, at + 1);
    if (at === -1) return false;
  }
  return true;
}

/** Counts nested brackets outside strings, but only if the text has enough of them to exceed the limit. */
function refuseDepth(text: string): void {
  if (!hasMoreThan(MAX_DEPTH / 2, '{', text) && !hasMoreThan(MAX_DEPTH / 2, '[', text)) return;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > MAX_DEPTH) throw new FlotillaError('contract.not_json', `nested deeper than ${MAX_DEPTH}`);
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
}
