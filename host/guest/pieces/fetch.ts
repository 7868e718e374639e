// Requests, responses, and everything that can be their body.

export { Blob, File, join } from '../platform/blob.ts';
export { structuredClone, transferables } from '../platform/clone.ts';
export { fetchFor } from '../platform/fetch.ts';
export { FormData } from '../platform/form-data.ts';
export { Headers } from '../platform/headers.ts';
export { Request } from '../platform/request.ts';
export { Response } from '../platform/response.ts';
export { streams } from '../platform/streams.ts';
