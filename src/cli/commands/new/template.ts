import { readFile } from 'node:fs/promises';

/** Reads a template file and replaces each `{{name}}` by its value. Throws for a placeholder without a value. */
export async function renderTemplate(file: string, values: Readonly<Record<string, string>>): Promise<string> {
  const text = await readFile(file, 'utf8');
  return text.replace(/\{\{([\w-]+)\}\}/g, (_placeholder, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${file} has the unknown placeholder ${name}`);
    return value;
  });
}
