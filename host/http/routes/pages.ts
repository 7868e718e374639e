// The pages that people open: /console and /docs. A shell of HTML without a word of script in it, and the
// assets that it names. What they show they ask of the API, with the token of whoever looks.

import { createHash } from 'node:crypto';

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { PageAssets } from '../../build/build.ts';
import { PAGE_HEADERS } from '../headers.ts';

type Asset = { readonly path: string; readonly type: string; readonly of: keyof PageAssets };

const ASSETS: readonly Asset[] = [
  { path: '/console/app.js', type: 'text/javascript; charset=utf-8', of: 'console' },
  { path: '/console/style.css', type: 'text/css; charset=utf-8', of: 'style' },
  { path: '/docs/app.js', type: 'text/javascript; charset=utf-8', of: 'docs' },
  { path: '/docs/style.css', type: 'text/css; charset=utf-8', of: 'style' },
];

const schema = { hide: true };
const config = { headers: PAGE_HEADERS };

/**
 * Adds the routes.
 *
 * @param pages Compiles the pages; asked at the first look, and again only when that failed
 */
export function pageRoutes(app: FastifyInstance, pages: () => Promise<PageAssets>): void {
  let built: Promise<PageAssets> | undefined;
  const assets = (): Promise<PageAssets> => {
    built ??= pages().catch((error: unknown) => {
      built = undefined;
      throw error;
    });
    return built;
  };
  for (const [path, title] of [
    ['/console', 'Cofferdam console'],
    ['/docs', 'Cofferdam API'],
  ] as const) {
    app.get(path, { config, schema }, (_request, reply) =>
      reply.type('text/html; charset=utf-8').send(shell(path, title)),
    );
  }
  for (const { path, type, of } of ASSETS) {
    app.get(path, { config, schema }, async (request, reply) =>
      sendAsset(request, reply, { type, text: (await assets())[of] }),
    );
  }
}

/** Kept by the browser, and asked about at every use: an update shows at once. */
function sendAsset(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  { type, text }: { type: string; text: string },
): FastifyReply {
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  reply.header('etag', etag).header('cache-control', 'no-cache');
  if (headers['if-none-match'] === etag) return reply.code(304).send();
  return reply.type(type).send(text);
}

function shell(path: string, title: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${path}/style.css">
<script src="${path}/app.js" defer></script>
</head>
<body>
<div id="app"><noscript>This page needs JavaScript. The API itself does not: see /openapi.json.</noscript></div>
</body>
</html>
`;
}
