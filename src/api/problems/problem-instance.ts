const MAX_LENGTH = 500;

/** Everything that a path may not contain as it is (RFC 3986 §3.3), and each `%` that begins no encoded byte. */
const NOT_IN_PATH = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/g;

/** The `instance` of a problem: the path of a request as a URI reference, whatever the path contains; longer ones are
 *  cut. Two leading slashes would name another host, so `/.` is put before them. */
export function instanceOf(path: string): string {
  const encoded = path.slice(0, MAX_LENGTH).replace(NOT_IN_PATH, encode);
  const cut = encoded.slice(0, MAX_LENGTH).replace(/%[0-9A-Fa-f]?$/, '');
  if (cut.startsWith('//')) return `/.${cut}`;
  return cut.startsWith('/') ? cut : `/${cut}`;
}

/** Node.js reads a request line as Latin-1: a character is a byte. */
const encode = (byte: string) => `%${(byte.charCodeAt(0) & 0xff).toString(16).toUpperCase().padStart(2, '0')}`;
