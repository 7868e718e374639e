// The same route over isolated-vm as Directus uses it: in the server's own process, one isolate, values
// copied in and a promise copied out, with a timeout on every call.

import fastify from 'fastify';

import { createInProcess } from '../in-process.ts';

const app = fastify();
const call = await createInProcess();
app.post('/api/v1/admin/extensions/:category/:name/calls/:handler', async (request) => {
  const { input } = request.body as { input: unknown };
  return { callId: 'call_0', result: await call(input), receipt: {} };
});
process.stdout.write(`${await app.listen({ port: 0, host: '127.0.0.1' })}\n`);
