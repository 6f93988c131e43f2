import { secretVariables } from './schema.js';

const SECRET_NAME = /(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|PASS|PASSPHRASE|KEY|CREDENTIALS?)$/;

/** Whether the value of this variable is secret, judged by its name. */
export function isSecret(variable: string): boolean {
  return secretVariables.has(variable) || SECRET_NAME.test(variable.toUpperCase());
}

/** The value for display: secrets as dots, URLs without parts that may be secret. */
export function masked(variable: string, value: string): string {
  if (value !== '' && isSecret(variable)) return '••••••••';
  return maskedUrl(value);
}

/** Masks the passwords of one or several URLs separated by commas, and the values in queries and fragments, which often
 *  contain keys; other text is unchanged. A user name is shown only next to a password in an AMQP URL: elsewhere the
 *  user name is often a secret itself, such as an access key. */
export function maskedUrl(text: string): string {
  const urls = text.split(BETWEEN_URLS);
  if (urls.length === 1) return maskedOne(text);
  // if a part is not a URL, the comma may belong to a password
  return urls.every((url) => URL.canParse(url)) ? urls.map(maskedOne).join(',') : '••••';
}

const BETWEEN_URLS = /,(?=\s*[a-z][a-z0-9+.-]{0,15}:\/\/)/i;

function maskedOne(url: string): string {
  return url
    .replace(/^(\s*[a-z][a-z0-9+.-]*:\/\/)(.*)@/i, maskUserinfo)
    .replace(/(:\/\/.*?)([?#].*)$/s, (_, before: string, rest: string) => before + maskQuery(rest));
}

function maskUserinfo(_match: string, scheme: string, userinfo: string): string {
  const [, user = ''] = /^([^:]+):./.exec(userinfo) ?? [];
  return /^\s*amqps?:/i.test(scheme) && user !== '' ? `${scheme}${user}:••••@` : `${scheme}••••@`;
}

/** Keeps the names of parameters: `?key=••••&••••#••••`. */
function maskQuery(text: string): string {
  return text.replace(/([?&#])([^=&#]+)(=?)[^&#]*/g, (_, mark: string, name: string, equals: string) =>
    equals === '' || mark === '#' ? `${mark}••••` : `${mark}${name}=••••`,
  );
}
