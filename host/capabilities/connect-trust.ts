// Whether a certificate is the one expected: by the system's roots, by a given CA, or by a pinned
// fingerprint. There is no way to say "any".

import { checkServerIdentity } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';

import { HostError } from '../errors.ts';

/** What an admin trusts besides the system's roots. */
export type Trust = {
  /** SHA-256 of the certificate, hex, colons or not; several are alternatives. */
  readonly fingerprints: readonly string[];
  /** PEM of a CA */
  readonly ca: string | undefined;
};

/** Nothing but the system's roots. */
export const SYSTEM_TRUST: Trust = { fingerprints: [], ca: undefined };

/** The options of a TLS connection that `judge` then has to look at before a byte is sent. */
export function tlsOptions(hostname: string, ca: string | undefined): ConnectionOptions {
  return {
    ...(ca === undefined ? {} : { ca }),
    // The server chooses: many requests over one connection where it can.
    ALPNProtocols: ['h2', 'http/1.1'],
    // Compared with the name that was asked for, also where a detour leads to another address.
    checkServerIdentity: (_host, certificate) => checkServerIdentity(hostname, certificate),
    // Judged afterwards, so that a refusal can show the certificate.
    rejectUnauthorized: false,
  };
}

/** @returns `REMOTE_CERTIFICATE` with the presented fingerprint when the connection is not to be used */
export function judge(socket: TLSSocket, hostname: string, trust: Trust): HostError | undefined {
  const presented = normalPrint(socket.getPeerCertificate().fingerprint256 ?? '');
  const { fingerprints } = trust;
  if (fingerprints.length > 0) {
    if (presented !== '' && fingerprints.some((print) => normalPrint(print) === presented)) {
      return undefined;
    }
    return refusal(hostname, presented, 'it is not the pinned one');
  }
  if (socket.authorized) return undefined;
  // Node's types call it an Error; it is a code or an Error.
  const why: unknown = socket.authorizationError;
  return refusal(hostname, presented, why instanceof Error ? why.message : String(why));
}

function refusal(hostname: string, presented: string, why: string): HostError {
  return new HostError(
    'REMOTE_CERTIFICATE',
    `The certificate of "${hostname}" is not trusted: ${why.slice(0, 200)}`,
    {
      remedy: `Compare the SHA-256 fingerprint ${presented} with the one shown on the server, then pin it in the config`,
      details: { sha256: presented, hostname },
    },
  );
}

/** Upper-case hex pairs with colons. */
function normalPrint(text: string): string {
  const hex = text.replaceAll(/[^0-9a-fA-F]/g, '').toUpperCase();
  return hex.match(/../g)?.join(':') ?? '';
}
