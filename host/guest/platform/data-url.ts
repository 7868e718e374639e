// `data:` addresses, by the Fetch standard: fetched inside the isolate, for their bytes are in them.

import { encodeText } from './encoding.ts';

/**
 * Reads a `data:` address.
 *
 * @param href As URL spells it
 * @returns Nothing when the address is malformed
 */
export function readDataUrl(
  href: string,
): { readonly type: string; readonly bytes: Uint8Array<ArrayBuffer> } | undefined {
  const text = href.slice('data:'.length).replace(/#.*$/s, '');
  const comma = text.indexOf(',');
  if (comma < 0) return undefined;
  const head = text.slice(0, comma).trim();
  const body = percentDecode(text.slice(comma + 1));
  const base64 = /; *base64$/i.test(head);
  const named = base64 ? head.replace(/; *base64$/i, '') : head;
  const full = named.startsWith(';') ? `text/plain${named}` : named;
  const type = /^[^/;\s]+\/[^/;\s]+/.test(full) ? full : 'text/plain;charset=US-ASCII';
  if (!base64) return { type, bytes: body };
  const bytes = decodeBase64(body);
  return bytes === undefined ? undefined : { type, bytes };
}

function percentDecode(text: string): Uint8Array<ArrayBuffer> {
  const raw = encodeText(text);
  const bytes = new Uint8Array(raw.length);
  let length = 0;
  for (let at = 0; at < raw.length; at += 1) {
    const hex = raw[at] === 37 ? text.slice(at + 1, at + 3) : '';
    const escaped = /^[0-9A-Fa-f]{2}$/.test(hex);
    bytes[length] = escaped ? Number.parseInt(hex, 16) : (raw[at] ?? 0);
    length += 1;
    if (escaped) at += 2;
  }
  return bytes.slice(0, length);
}

function decodeBase64(body: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  let text = '';
  for (const byte of body) text += String.fromCharCode(byte);
  try {
    return Uint8Array.fromBase64(text) as Uint8Array<ArrayBuffer>;
  } catch {
    // The address is malformed; the caller refuses it.
    return undefined;
  }
}
