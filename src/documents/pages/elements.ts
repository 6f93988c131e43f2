import { markup, type Content, type Markup } from './markup.js';

/** A table whose first cells name their rows. On narrow screens it scrolls sideways, also by keyboard. */
export function table(label: string, head: readonly Content[], rows: readonly (readonly Content[])[]): Markup {
  const names = head.map((cell) => markup`<th scope="col">${cell}</th>`);
  const lines = rows.map(([first, ...cells]) => {
    const others = cells.map((cell) => markup`<td>${cell}</td>`);
    return markup`<tr><th scope="row">${first}</th>${others}</tr>\n`;
  });
  return markup`<div class="scroll" role="region" aria-label="${label}" tabindex="0"><table>
<thead><tr>${names}</tr></thead>
<tbody>
${lines}</tbody>
</table></div>`;
}

/** A command for a shell, which wraps. */
export function command(label: string, text: string): Markup {
  return markup`<pre class="command" role="region" aria-label="${label}" tabindex="0"><code>${text}</code></pre>`;
}

/** A value as formatted JSON, which also scrolls by keyboard. */
export function json(label: string, value: unknown): Markup {
  return markup`<pre role="region" aria-label="${label}" tabindex="0"><code>${JSON.stringify(value, undefined, 2)}</code></pre>`;
}

/** Names, separated by commas. */
export function nameList(names: readonly string[], none: string): Content {
  if (names.length === 0) return none;
  return names.map((name, index) => [index > 0 && ', ', markup`<code>${name}</code>`]);
}
