/** The number of words after which a sentence has to be read twice. */
export const MAX_WORDS = 35;

/** Returns the sentences of a Markdown page with more than `max` words, each with its line and its number of words. */
export function longSentences(text, max = MAX_WORDS) {
  return sentencesOf(text).filter(({ words }) => words > max);
}

/** Returns the sentences of a Markdown page. A list item and a table cell end a sentence like a full stop does;
 *  semicolons and colons do not. A code span and a link are one word each. Code blocks, comments and headings are
 *  skipped. */
export function sentencesOf(text) {
  return unitsOf(withoutMarkup(text)).flatMap(({ line, text: unit }) =>
    [...unit.matchAll(/[\s\S]+?(?:[.!?][*_)"'”]*(?=\s)|$)/g)].flatMap(({ 0: sentence, index }) => {
      const words = sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
      const before = unit.slice(0, index + (/\S/.exec(sentence)?.index ?? 0));
      return words.length === 0
        ? []
        : { line: line + linesIn(before), words: words.length, text: sentence.trim().replace(/\s+/g, ' ') };
    }),
  );
}

/** Replaces code and links by one word each, and removes what is not read as text. Lines keep their numbers. */
function withoutMarkup(text) {
  const blank = (part) => '\n'.repeat(linesIn(part));
  return text
    .replace(/^---\n[\s\S]*?\n---$/m, (part, index) => (index === 0 ? blank(part) : part))
    .replace(/^ *```[\s\S]*?^ *```$/gm, blank)
    .replace(/<!--[\s\S]*?-->/g, blank)
    .replace(/`[^`]+`/g, (code) => `${blank(code)}Code`)
    .replace(/!?\[[^\]]*\]\([^)]*\)/g, (link) => `${blank(link)}Link`);
}

/** Returns the paragraphs, list items and table cells, each with the line on which it begins. */
function unitsOf(text) {
  const units = [];
  let current;
  for (const [index, line] of text.split('\n').entries()) {
    const isTable = /^\s*\|/.test(line);
    const begins = /^\s*([-*]|\d+\.)\s/.test(line);
    if (isTable || begins || /^\s*$|^#/.test(line)) current = undefined;
    if (isTable) units.push(...line.split(/(?<!\\)\|/).map((cell) => ({ line: index + 1, text: cell })));
    else if (current !== undefined) current.text += `\n${line}`;
    else if (!/^\s*$|^#/.test(line)) units.push((current = { line: index + 1, text: line.replace(/^\s*\d+\./, '') }));
  }
  return units;
}

const linesIn = (text) => text.split('\n').length - 1;
