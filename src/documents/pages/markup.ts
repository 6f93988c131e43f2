/** Markup, as opposed to text. Made by `markup` only. */
export class Markup {
  constructor(readonly text: string) {}
}

/** What a template may contain. Text and numbers are escaped; undefined, null and false are omitted. */
export type Content = Markup | string | number | undefined | null | false | readonly Content[];

/** Writes HTML: ``markup`<b>${name}</b>` ``. Every value is escaped, for elements and quoted attributes. */
export function markup(literals: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(literals.map((literal, index) => literal + textOf(values[index])).join(''));
}

function textOf(content: Content): string {
  if (content instanceof Markup) return content.text;
  if (content === undefined || content === null || content === false) return '';
  if (typeof content === 'object') return content.map(textOf).join('');
  return String(content).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
