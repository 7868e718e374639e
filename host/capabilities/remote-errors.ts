// What Node, undici and zlib throw about a remote → failures with a code, a host name and a remedy.

import { HostError } from '../errors.ts';

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it closed the connection',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to its network',
  EPIPE: 'it closed the connection',
  ETIMEDOUT: 'it did not take the connection',
  UND_ERR_SOCKET: 'it closed the connection',
  UND_ERR_CLOSED: 'the connection was closed',
  UND_ERR_DESTROYED: 'the connection was closed',
};

/** Any error of a request to `hostname` as one with a code. Messages of libraries are not passed on. */
export function remoteError(error: unknown, hostname: string): HostError {
  if (error instanceof HostError) return error;
  const {
    code = '',
    name = '',
    cause,
  } = (error ?? {}) as { code?: string; name?: string; cause?: unknown };
  if (cause instanceof HostError) return cause;
  if (name === 'AbortError' || code === 'ABORT_ERR') {
    return new HostError('CALLER_CANCELLED', `The request to "${hostname}" was given up`);
  }
  const why = UNREACHABLE[code];
  if (why !== undefined) {
    return new HostError('REMOTE_UNREACHABLE', `"${hostname}" cannot be reached: ${why}`, {
      remedy: 'Check address, port and firewall, then try again',
      cause: error,
    });
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'HPE_HEADER_OVERFLOW') {
    return headersTooLarge(hostname, error);
  }
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') {
    return new HostError(
      'EXTENSION_OUTPUT_INVALID',
      `The request to "${hostname}" cannot be sent`,
      {
        remedy: 'Check its method and headers',
        cause: error,
      },
    );
  }
  if (code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || code === 'EPROTO') {
    return new HostError('REMOTE_PROTOCOL', `"${hostname}" does not speak TLS as expected`, {
      remedy: 'Check that the port is the https port',
      cause: error,
    });
  }
  return new HostError('REMOTE_PROTOCOL', `"${hostname}" gave no valid answer`, {
    ...(code === '' ? {} : { details: { cause: code } }),
    cause: error,
  });
}

/** The answer's headers are over `LIMITS.responseHeaderBytes`. */
export function headersTooLarge(hostname: string, cause?: unknown): HostError {
  return new HostError('EGRESS_LIMIT', `The headers of "${hostname}" are too large`, { cause });
}
