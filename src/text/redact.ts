/** Replaces a secret or personal data. */
export const REDACTED = '[redacted]';

/** A text without a match contains nothing to redact. */
const SUSPECT =
  /[@=]|%40|:\/\/|bearer|basic |authorization|cookie|pass|secret|token|key"|eyJ|(?:tok|whsec|live|test)_|\d{4}[ -]?\d{4}|is not valid JSON/i;

/** Applied in this order: a URL before the mail address that it may contain. Every repetition is bounded, or begins
 *  at a fixed word. */
const rules: readonly [RegExp, string | ((match: string) => string)][] = [
  // user and password of a URL, including characters that should have been encoded
  [
    /\b([a-z][a-z0-9+.-]{1,20}:\/\/)(?:[^\s/?#@"'<>]{0,200}:(?!\d{1,5}(?:[/?#,\s]|$))(?:(?!:\/\/)[^\s"'<>]){0,500}|[^\s/?#"'<>]{1,500})@/gi,
    '$1',
  ],
  // query and fragment of a URL
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/[^\s?#"'<>]+)(?:[?#][^\s"'<>]*)?/gi, '$1'],
  [
    /\b([Bb]earer|BEARER|[Bb]asic|BASIC)\s+(?=[A-Za-z]*(?:[0-9_~+/=-]|\.\w)|[A-Za-z]*[a-z][A-Z])[\w.~+/=-]{6,}/g,
    `$1 ${REDACTED}`,
  ],
  [
    /\b((?:proxy-)?authorization|(?:set-)?cookie)(["']?\s*[:=]\s*["']?)(?:(?:bearer|basic)\s+)?[^\s"',}]+/gi,
    `$1$2${REDACTED}`,
  ],
  [
    /\b(password|passwd|pwd|pass|secret|token|api[-_]?key|(?:access|refresh|id)[-_]?token|client[-_]?secret)(?:(=)[^\s"'&;,}]+|("\s*:\s*")[^"]*)/gi,
    `$1$2$3${REDACTED}`,
  ],
  // a JSON Web Token; tokens and keys of payment services
  [/\beyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?/g, REDACTED],
  [/\b(?:tok|whsec|(?:sk|pk|rk)_(?:live|test))_\w{2,}/g, REDACTED],
  // a mail address; names of RabbitMQ nodes and of instances (`payment@host:123:a1b2c3`) look the same and are kept
  [
    /(?<![\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-])(?!rabbit@|[^\s@]{1,256}@[^\s@:]{1,256}:\d{1,8}:[0-9a-f]{4,})[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]{1,256}(?:@|%40)[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/giu,
    REDACTED,
  ],
  // a payment card number, in one piece or in groups
  [/(?<![0-9A-Za-z])[2-6]\d{12,18}(?![0-9A-Za-z])/g, withoutCard],
  [/(?<![\w-])[2-6]\d{3}([ -])(?:\d{4}\1\d{4}\1\d{1,7}|\d{6}\1\d{5})(?![\w-])/g, withoutCard],
  // V8 quotes text that it could not parse
  [/, (?:\.\.\.)?"[^]{0,100}?"(?:\.\.\.)? is not valid JSON/g, ', not valid JSON'],
];

/** Removes likely secrets and personal data from a text: credentials and queries of URLs, bearer and payment tokens,
 *  passwords, mail addresses, payment card numbers. The last line of defense for unknown errors; code that creates
 *  an error must omit such data. */
export function redact(text: string): string {
  if (!SUSPECT.test(text)) return text;
  return rules.reduce((redacted, [pattern, replacement]) => redacted.replace(pattern, replacement as string), text);
}

/** The Luhn formula distinguishes card numbers from most other long numbers. */
function withoutCard(number: string): string {
  const digits = [...number.replace(/\D/g, '')].reverse().map(Number);
  const sum = digits.reduce((total, digit, index) => {
    const value = index % 2 === 0 ? digit : digit * 2;
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0 ? REDACTED : number;
}
