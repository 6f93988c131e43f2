import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Returns the broken links of Markdown files: links to files or headings that do not exist. `generated` is a folder
 *  whose files exist only after the site is built. */
export function brokenLinks(root, files, { generated = 'docs/reference/api' } = {}) {
  return files.flatMap((file) =>
    linksOf(readFileSync(join(root, file), 'utf8')).flatMap((link) => {
      const [path, anchor] = link.split('#');
      const target = path === '' ? join(root, file) : resolve(root, dirname(file), decodeURI(path));
      if (relative(root, target).startsWith(generated)) return [];
      if (!existsSync(target)) return `${file}: ${link} does not exist`;
      if (anchor === undefined || anchor === '' || !target.endsWith('.md')) {
        const isFolder =
          file.startsWith('docs/') &&
          path !== '' &&
          target.startsWith(join(root, 'docs')) &&
          statSync(target).isDirectory();
        return isFolder ? `${file}: ${link} is a folder; link to a page of it` : [];
      }
      return anchorsOf(readFileSync(target, 'utf8')).includes(anchor) ? [] : `${file}: ${link} has no such heading`;
    }),
  );
}

/** Returns the relative links of a page, outside code blocks. */
export function linksOf(text) {
  return [...withoutCode(text).matchAll(/\]\(([^()\s]+(?:\([^()]*\)[^()\s]*)*)(?: "[^"]*")?\)/g)]
    .map(([, link]) => link)
    .filter((link) => !/^[a-z][a-z+.-]*:/i.test(link));
}

/** Returns the anchors of the headings of a page, and explicit anchors. */
export function anchorsOf(text) {
  const seen = new Map();
  const headings = [...withoutBlocks(text).matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading]) => {
    const slug = slugOf(heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/\\(.)/g, '$1'));
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
  return [...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id)];
}

/** Returns the anchor of a heading on GitHub and on the site. */
export function slugOf(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

const withoutBlocks = (text) => text.replace(/^ *```[\s\S]*?^ *```/gm, '');
const withoutCode = (text) => withoutBlocks(text).replace(/`[^`\n]*`/g, '');
