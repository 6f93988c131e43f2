/** Words that a reader of technical text understands in a minute. Code and output count as text: a reader who pastes a
 *  program also reads it. */
const WORDS_PER_MINUTE = 200;

/** Seconds to copy a block to the terminal or the editor, and to save the file. A block that is typed takes longer, but the
 *  page has only short ones: one to three commands. */
const SECONDS_PER_BLOCK = 10;

/** The minutes that a page takes a reader who reads every word once and copies every block, without the time in which
 *  the machine works. */
export function minutesOfReader(page: string): { reading: number; copying: number } {
  const text = page.replace(/<!--[\s\S]*?-->/g, '').replace(/\]\([^)]*\)/g, ']');
  const words = text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const copied = [...page.matchAll(/^```(\w+)/gm)].filter(([, language]) => language !== 'text');
  return { reading: words.length / WORDS_PER_MINUTE, copying: (copied.length * SECONDS_PER_BLOCK) / 60 };
}
