const MAX_LENGTH = 500;

/** Characters that must be encoded in a path (RFC 3986 §3.3), and each `%` that does not begin an encoded byte. */
const NOT_IN_PATH = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/g;

/** Returns the `instance` of a problem: the path of a request as a valid URI reference, truncated if too long. Two
 *  leading slashes would denote another host, so `/.` is inserted before them. */
export function instanceOf(path: string): string {
  const encoded = path.slice(0, MAX_LENGTH).replace(NOT_IN_PATH, encode);
  const cut = encoded.slice(0, MAX_LENGTH).replace(/%[0-9A-Fa-f]?$/, '');
  if (cut.startsWith('//')) return `/.${cut}`;
  return cut.startsWith('/') ? cut : `/${cut}`;
}

/** Node.js reads a request line as Latin-1: a character is a byte. */
const encode = (byte: string) => `%${(byte.charCodeAt(0) & 0xff).toString(16).toUpperCase().padStart(2, '0')}`;
