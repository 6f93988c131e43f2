/** A fenced block of a Markdown page. */
export interface Block {
  language: string;
  /** The words after the language: `{ terminal: '2' }` of `sh terminal=2`, `{ fragment: '' }` of `ts fragment`. */
  info: Readonly<Record<string, string>>;
  text: string;
  /** The line of the opening fence, from 1. */
  line: number;
  /** The text of a `text` block that directly follows a `sh` block. */
  output?: string;
}

const FENCE = /^```(.*)$/;

/** The fenced blocks of a page in order. A `text` block that directly follows a `sh` block becomes its `output`. Throws for
 *  a block that is indented or has no end. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split('\n');
  let hasTextBetween = false;
  for (let at = 0; at < lines.length; at++) {
    const [, fence] = FENCE.exec(lines[at] ?? '') ?? [];
    if (fence === undefined) {
      if (/^\s+```/.test(lines[at] ?? '')) throw new Error(`line ${at + 1}: an indented block is not executed`);
      if (lines[at]?.trim() !== '') hasTextBetween = true;
      continue;
    }
    const end = lines.indexOf('```', at + 1);
    if (end === -1) throw new Error(`line ${at + 1}: the block has no end`);
    const [language = '', ...words] = fence.trim().split(/\s+/);
    const info = Object.fromEntries(words.map((word) => word.split(/=(.*)/s).slice(0, 2).concat('').slice(0, 2)));
    const block: Block = { language, info, text: lines.slice(at + 1, end).join('\n'), line: at + 1 };
    const before = blocks.at(-1);
    if (language === 'text' && before?.language === 'sh' && before.output === undefined && !hasTextBetween) {
      before.output = block.text;
    } else blocks.push(block);
    hasTextBetween = false;
    at = end;
  }
  return blocks;
}
