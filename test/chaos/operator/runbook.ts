import { readFileSync } from 'node:fs';

const page = readFileSync(new URL('../../../docs/operations/runbook.md', import.meta.url), 'utf8');

/** A row of the table under "Start here". */
export interface SymptomRow {
  /** The first column. */
  symptoms: string;
  /** The titles of the sections that it names. */
  sections: readonly string[];
}

/** A section, as an operator reads it. */
export interface Section {
  title: string;
  text: string;
  /** The first sentence after "Over when". */
  overWhen: string;
}

/** The sections of the runbook by title. */
export const sections: ReadonlyMap<string, Section> = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((text) => {
      const title = text.slice(0, text.indexOf('\n'));
      const [, overWhen = ''] = /\*\*Over when\*\* ([\s\S]*?)(?:\.(?=\s|$)|(?<=\.`)(?=\s+[A-Z]))/.exec(text) ?? [];
      return [title, { title, text, overWhen: joined(overWhen) }];
    }),
);

/** The table of symptoms. */
export const symptomRows: readonly SymptomRow[] = [
  ...(sections.get('Start here')?.text.matchAll(/^\| (.+) \| (.+) \|$/gm) ?? []),
]
  .filter(([, symptoms]) => symptoms !== 'You see' && symptoms !== '---')
  .map(([, symptoms = '', links = '']) => ({
    symptoms,
    sections: [...links.matchAll(/\[.+?\]\(#(.+?)\)/g)].map(([, anchor]) => titleOf(anchor)),
  }));

/** The variables by which `rabbitmqctl` reaches the broker of `up`, as a command. */
export const brokerVariables = () => commandIn('Start here', 'export PATH=');

/** Whether one of two sections has a link to the other. */
export function areLinked(one: string, other: string): boolean {
  const links = (from: string, to: string) => sectionOf(from).text.includes(`](#${anchorOf(to)})`);
  return links(one, other) || links(other, one);
}

/** The first command of a section that fits, complete, as the section shows it. Throws if there is none. */
export function commandIn(title: string, fits: string | ((command: string) => boolean)): string {
  const isWanted = typeof fits === 'string' ? (command: string) => command.startsWith(fits) : fits;
  const found = commandsIn(title).find(isWanted);
  if (found === undefined) throw new Error(`the section "${title}" has no such command: ${String(fits)}`);
  return found;
}

/** All lines of the block of a section that begins with this command. */
export function blockIn(title: string, beginning: string): string[] {
  const block = blocksIn(title).find(([first = '']) => first.startsWith(beginning));
  if (block === undefined) throw new Error(`the section "${title}" has no block that begins with "${beginning}"`);
  return block;
}

/** The commands of blocks, then the quotations in the text, of which some are commands. */
function commandsIn(title: string): string[] {
  const text = sectionOf(title).text.replace(BLOCK, '');
  return [...blocksIn(title).flat(), ...[...text.matchAll(/`([^`]+)`/g)].map(([, span = '']) => joined(span))];
}

const BLOCK = /^ *```\w*\n([\s\S]*?)^ *```/gm;

function blocksIn(title: string): string[][] {
  return [...sectionOf(title).text.matchAll(BLOCK)]
    .filter(([block]) => block.trimStart().startsWith('```sh'))
    .map(([, lines = '']) =>
      lines
        .trim()
        .split('\n')
        .map((line) => line.replace(/ {2,}#.*$/, '')),
    );
}

/** Throws unless a section contains these words. */
export function requireText(title: string, words: string): void {
  if (!joined(sectionOf(title).text).includes(words)) throw new Error(`the section "${title}" does not say "${words}"`);
}

export function sectionOf(title: string): Section {
  const section = sections.get(title);
  if (section === undefined) throw new Error(`the runbook has no section "${title}"`);
  return section;
}

function titleOf(anchor: string | undefined): string {
  const title = [...sections.keys()].find((each) => anchorOf(each) === anchor);
  if (title === undefined) throw new Error(`the runbook has no section #${anchor}`);
  return title;
}

function anchorOf(title: string): string {
  return title.toLowerCase().replaceAll(' ', '-');
}

function joined(text: string): string {
  return text.replace(/\s+/g, ' ');
}
