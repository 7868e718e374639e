// The same route in plain fastify, with no sandbox: what everything else is measured against.

import fastify from 'fastify';

const app = fastify();
app.post('/api/v1/admin/extensions/:category/:name/calls/:handler', async (request) => {
  const { input } = request.body as { input: unknown };
  return { callId: 'call_0', result: { echo: input }, receipt: {} };
});
process.stdout.write(`${await app.listen({ port: 0, host: '127.0.0.1' })}\n`);
