import { secretVariables } from './schema.js';

const SECRET_NAME = /(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|KEY|CREDENTIALS?)$/;

/** Whether the value of this variable must not be shown, going by its name. */
export function isSecret(variable: string): boolean {
  return secretVariables.has(variable) || SECRET_NAME.test(variable.toUpperCase());
}

/** The value as it may be shown: secrets as dots, URLs without their password and query. */
export function masked(variable: string, value: string): string {
  if (value !== '' && isSecret(variable)) return '••••••••';
  return maskedUrl(value);
}

/** A URL, or several with commas between them, without passwords, and without the values of queries, where keys often
 *  are; other text as it is. */
export function maskedUrl(text: string): string {
  const urls = text.split(BETWEEN_URLS);
  if (urls.length === 1) return maskedOne(text);
  // where a part is no URL, the comma may be one of a password
  return urls.every((url) => URL.canParse(url)) ? urls.map(maskedOne).join(',') : '••••';
}

const BETWEEN_URLS = /,(?=\s*[a-z][a-z0-9+.-]{0,15}:\/\/)/i;

function maskedOne(url: string): string {
  return url.replace(/^(\s*[a-z][a-z0-9+.-]*:\/\/)(.*)@/i, maskUserinfo).replace(/([?&][^=&#]*)=[^&#]*/g, '$1=••••');
}

function maskUserinfo(_match: string, scheme: string, userinfo: string): string {
  const user = userinfo.split(':')[0] ?? '';
  return userinfo.includes(':') ? `${scheme}${user}:••••@` : `${scheme}${user}@`;
}
