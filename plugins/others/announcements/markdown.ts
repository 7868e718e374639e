// Markdown to HTML by an allow-list: the output is made of the tags below and of escaped text, nothing of
// the input is ever passed through. Raw HTML in the input is text. Pure; time grows with the length only.

const DEPTH_MAX = 6;

const ENTITIES: { readonly [mark: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text that means itself in HTML and XML, in attributes too; control characters are dropped. */
export function escapeMarkup(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\P{Cc}\t\n]|[\ufffe\uffff]/gu, '')
    .replace(/[&<>"']/g, (mark) => ENTITIES[mark] ?? '');
}

/** The address of a link when it is absolute https, http or mailto; undefined for everything else. */
export function safeAddress(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return undefined;
  return ['https:', 'http:', 'mailto:'].includes(url.protocol) ? url.href : undefined;
}

/** A document as HTML of `h2 h3 h4 p ul ol li blockquote pre code hr br strong em del a`. */
export function renderMarkdown(text: string): string {
  return renderBlocks(text.replaceAll(/\r\n?/g, '\n').split('\n'), 0);
}

function renderBlocks(lines: readonly string[], depth: number): string {
  const out: string[] = [];
  let paragraph: string[] = [];
  const endParagraph = (): void => {
    if (paragraph.length > 0) out.push(`<p>${renderInline(paragraph.join('\n'))}</p>`);
    paragraph = [];
  };
  for (let at = 0; at < lines.length;) {
    const block = readBlock(lines, at, depth);
    if (block === undefined) {
      const line = lines[at] ?? '';
      if (line.trim() === '') endParagraph();
      else paragraph.push(line.trim());
      at += 1;
      continue;
    }
    endParagraph();
    out.push(block.html);
    at = block.next;
  }
  endParagraph();
  return out.join('\n');
}

type Block = { readonly html: string; readonly next: number };

/** The block that begins at a line; undefined when it is plain text. */
function readBlock(lines: readonly string[], at: number, depth: number): Block | undefined {
  const line = lines[at] ?? '';
  const [, fence] = /^ {0,3}(```+|~~~+)/.exec(line) ?? [];
  if (fence !== undefined) return readFence(lines, at, fence);
  const [, marks, heading] = /^ {0,3}(#{1,6}) (.*)$/.exec(line) ?? [];
  if (marks !== undefined && heading !== undefined) {
    // The page has its own h1; three levels are enough below it.
    const tag = `h${Math.min(marks.length + 1, 4)}`;
    const words = heading.trim().replace(/ #+$/, '');
    return { html: `<${tag}>${renderInline(words)}</${tag}>`, next: at + 1 };
  }
  if (/^ {0,3}(?:-{3,}|\*{3,}|_{3,})\s*$/.test(line)) return { html: '<hr>', next: at + 1 };
  if (depth >= DEPTH_MAX) return undefined;
  if (/^ {0,3}>/.test(line)) {
    const next = endOf(lines, at, (each) => /^ {0,3}>/.test(each));
    const inner = lines.slice(at, next).map((each) => each.replace(/^ {0,3}> ?/, ''));
    return { html: `<blockquote>${renderBlocks(inner, depth + 1)}</blockquote>`, next };
  }
  const [, bullet] = /^ {0,3}([-*+]|\d{1,9}[.)]) /.exec(line) ?? [];
  return bullet === undefined ? undefined : readList(lines, at, { bullet, depth });
}

function readFence(lines: readonly string[], at: number, fence: string): Block {
  const isEnd = (each: string): boolean => each.trim().startsWith(fence);
  const end = endOf(lines, at + 1, (each) => !isEnd(each));
  const code = lines
    .slice(at + 1, end)
    .map(escapeMarkup)
    .join('\n');
  return { html: `<pre><code>${code}</code></pre>`, next: Math.min(end + 1, lines.length) };
}

function readList(
  lines: readonly string[],
  at: number,
  { bullet, depth }: { readonly bullet: string; readonly depth: number },
): Block {
  const isOrdered = /\d/.test(bullet);
  // An item that stands two columns further in is of a list inside this one.
  const indent = (/^ */.exec(lines[at] ?? '')?.[0].length ?? 0) + 1;
  const start = new RegExp(`^ {0,${indent}}${isOrdered ? String.raw`\d{1,9}[.)]` : '[-*+]'} `);
  const next = endOf(lines, at, (each) => start.test(each) || /^\s{2,}\S/.test(each));
  const items: string[][] = [];
  for (const each of lines.slice(at, next)) {
    if (start.test(each)) items.push([each.replace(start, '')]);
    else items.at(-1)?.push(each.replace(/^\s{2,4}/, ''));
  }
  const inner = items.map((item) => `<li>${renderItem(item, depth + 1)}</li>`).join('');
  const tag = isOrdered ? 'ol' : 'ul';
  return { html: `<${tag}>${inner}</${tag}>`, next };
}

/** An item of one line stays a line; one of several is a document of its own. */
function renderItem(item: readonly string[], depth: number): string {
  const [only = ''] = item;
  return item.length === 1 ? renderInline(only) : renderBlocks(item, depth);
}

function endOf(lines: readonly string[], at: number, isInside: (line: string) => boolean): number {
  const end = lines.findIndex((line, index) => index >= at && !isInside(line));
  return end < 0 ? lines.length : end;
}

/** Code, links, strong, emphasis and deletion; each pattern is bounded and cannot backtrack far. */
const INLINE =
  /`([^`\n]{1,500})`|\[([^\]\n]{1,500})\]\(([^()\s]{1,2000})\)|<(https?:\/\/[^\s<>]{1,2000})>|\*\*([^*\n]{1,500})\*\*|~~([^~\n]{1,500})~~|\*([^*\n]{1,500})\*|\\([\\`*[\]()<>~#-])|( {2,}\n|\\\n)/g;

function renderInline(text: string): string {
  let out = '';
  let last = 0;
  for (const match of text.matchAll(INLINE)) {
    out += escapeMarkup(text.slice(last, match.index)) + renderMark(match);
    last = match.index + match[0].length;
  }
  return out + escapeMarkup(text.slice(last));
}

function renderMark(match: RegExpExecArray): string {
  const [whole, code, label, address, bare, strong, del, em, escaped, lineBreak] = match;
  if (code !== undefined) return `<code>${escapeMarkup(code)}</code>`;
  if (strong !== undefined) return `<strong>${renderInline(strong)}</strong>`;
  if (del !== undefined) return `<del>${renderInline(del)}</del>`;
  if (em !== undefined) return `<em>${renderInline(em)}</em>`;
  if (escaped !== undefined) return escapeMarkup(escaped);
  if (lineBreak !== undefined) return '<br>\n';
  const href = safeAddress(address ?? bare ?? '');
  // A link that leads nowhere safe is shown as it was written.
  if (href === undefined) return escapeMarkup(whole);
  const words = escapeMarkup(label ?? bare ?? href);
  return `<a href="${escapeMarkup(href)}" rel="noopener nofollow ugc">${words}</a>`;
}

/** The words alone, for a summary or a widget. */
export function plainText(text: string, max: number): string {
  const words = text
    .replaceAll(/```[\s\S]*?(?:```|$)/g, ' ')
    .replaceAll(/\[([^\]\n]{1,500})\]\([^()\s]{1,2000}\)/g, '$1')
    .replaceAll(/[*`~#>]/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  const kept = words.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '');
  return words.length <= max ? words : `${kept}…`;
}
