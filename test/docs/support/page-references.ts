import type { Command, Option } from 'commander';
import ts from 'typescript';
import { blocksOf } from './blocks.js';

/** A piece of code of a page: an inline code, or a line of a block. */
interface Code {
  text: string;
  kind: 'inline' | 'command' | 'output';
}

/** The inline codes of a page and the lines of its blocks. */
export function codesOf(page: string): Code[] {
  const lines = blocksOf(page).flatMap(({ language, text, output = '' }) => [
    ...text.split('\n').map((line): Code => ({ text: line, kind: language === 'sh' ? 'command' : 'output' })),
    ...output.split('\n').map((line): Code => ({ text: line, kind: 'output' })),
  ]);
  const inline = inlineCodes(page).map(({ text }): Code => ({ text, kind: 'inline' }));
  return [...inline, ...lines].filter(({ text }) => text !== '');
}

/** The inline codes of a page, each with the text between it and the code before it. */
function inlineCodes(page: string): { before: string; text: string }[] {
  const pieces = page
    .replace(/^```[^]*?^```$/gm, '')
    .replace(/\s+/g, ' ')
    .split('`');
  return pieces.flatMap((text, at) => (at % 2 === 0 ? [] : { before: pieces[at - 1] ?? '', text }));
}

/** Names of files, fields of an event or of a collector, and the context of a handler. */
const NO_NAME = /\.(db|key|log|js|mjs|ts|md|yml|env|conf|pid|service)$|^(ctx|data|attributes)\./;

/** The names of the form `word.word_word` in a code: error codes, event types, log fields. */
export function dottedNames(text: string): string[] {
  const names = text.match(/(?<![\w./<>@*-])[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)+(?![\w/@(*-]|\.\w)/g) ?? [];
  return names.filter((name) => !NO_NAME.test(name));
}

/** The names of the form `flotilla_word` in a code: metrics and tables. */
export function underscoredNames(text: string): string[] {
  return text.match(/(?<![\w/])flotilla_\w+/g) ?? [];
}

/** The calls of `flotilla` in a code, each without `flotilla`. Inline codes may omit that word. */
export function callsIn({ text, kind }: Code, program: Command): string[] {
  const code = kind === 'command' ? text.replace(/\s+#.*/, '') : text;
  const calls = [...code.matchAll(/(?<![\w/.@=-])(?:bin\/|npx )?flotilla (?=[a-z])([^|;&`]*)/g)].map(([, call = '']) =>
    kind === 'output' ? call.replace(/ {2}.*/, '') : call,
  );
  const [name = ''] = code.split(' ');
  const isShort =
    kind === 'inline' &&
    program.commands.some((command) => command.name() === name) &&
    /^\w+ ([-<…].*|[a-z]+( [-<…'].*)?)$/.test(code);
  return isShort ? [...calls, code] : calls;
}

/** Returns the first part of a call that the program does not accept; undefined if it accepts the call. */
export function refusedPart(program: Command, call: string): string | undefined {
  const words = (call.match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^['"]|['"]$/g, ''));
  let command = program;
  while (command.commands.length > 0) {
    const name = words.shift();
    if (name === undefined || name === '…') return undefined;
    const next = command.commands.find((each) => each.name() === name);
    if (next === undefined) return name;
    command = next;
  }
  let operands = 0;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '…') continue;
    if (!word.startsWith('-')) {
      operands += 1;
      continue;
    }
    const option = [...command.options, ...program.options].find((each) => each.long === word || each.short === word);
    if (option === undefined) return word;
    const value = option.required ? words.shift() : undefined;
    if (option.required && !isAllowed(option, value)) return `${word} ${value ?? ''}`;
  }
  const variadic = command.registeredArguments.some((argument) => argument.variadic);
  return variadic || operands <= command.registeredArguments.length ? undefined : call;
}

function isAllowed({ argChoices }: Option, value: string | undefined): boolean {
  return value !== undefined && (/[…<]/.test(value) || argChoices === undefined || argChoices.includes(value));
}

/** The log entries that a page quotes: inline codes after the word "log" or "entry" in the same sentence. */
export function quotedLogMessages(page: string): string[] {
  const messages: string[] = [];
  let isEntry = false;
  for (const { before, text } of inlineCodes(page)) {
    const [, sentence = ''] = /(?:^|.*[.|])([^.|]*)$/.exec(before) ?? [];
    if (/[.|]/.test(before)) isEntry = false;
    isEntry = (isEntry && isBetween(before)) || /\b(logs?|entry|entries)\b(?!.*\b(of .* is|for|by) $)/.test(sentence);
    if (isEntry && / |^[A-Z][a-z]+$/.test(text)) messages.push(text);
  }
  return messages;
}

/** Whether the text between two inline codes leaves the second one in the role of the first. */
function isBetween(text: string): boolean {
  return /^( or |, | entries |: |, with a code: )$/.test(text);
}

/** The texts of a source file: each literal as its fixed parts, between which values are inserted. */
export function textsOf(source: string): string[][] {
  const texts: string[][] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) texts.push([node.text]);
    if (ts.isTemplateExpression(node)) {
      texts.push([node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)]);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('file.ts', source, ts.ScriptTarget.Latest));
  return texts;
}

/** Whether a quoted message is the beginning of a text of the sources, of which it has at least 40 % unchanged. `…` stands
 *  for any text. */
export function isBeginningOf(message: string, parts: readonly string[]): boolean {
  if (message.startsWith('… ')) return parts.some((part) => part.includes(message.slice(2)));
  return fixedLength(message.replace(/(?<=.)…$/, ''), parts) >= 0.4 * message.length;
}

/** The number of characters of the message that come from fixed parts; negative if it does not begin like the text. */
function fixedLength(message: string, [part = '', ...others]: readonly string[]): number {
  if (part.startsWith(message)) return message.length;
  if (!message.startsWith(part) || others.length === 0) return -Infinity;
  const rest = message.slice(part.length);
  const lengths = Array.from({ length: rest.length }, (_, at) => fixedLength(rest.slice(at + 1), others));
  return part.length + Math.max(-Infinity, ...lengths);
}
