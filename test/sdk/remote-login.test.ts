import assert from 'node:assert/strict';
import { it } from 'node:test';

import { createRemote, isFailure } from 'cofferdam/sdk';

/** A vendor that gives one answer, and says "Log in" to who is not known. */
const remoteOf = (answer: Response) =>
  createRemote({
    name: 'Panel',
    fetch: async () => answer,
    baseUrl: 'https://panel.example.com',
    isLoginPage: ({ text, headers }) =>
      text.includes('Log in') || headers.get('location') === '/login',
  });

for (const [what, answer] of [
  ['login page', new Response('<p>Log in</p>', { headers: { 'content-type': 'text/html' } })],
  ['redirect to it', new Response(null, { status: 302, headers: { location: '/login' } })],
] as const) {
  it(`a ${what} becomes unauthorized where the vendor's client knows it`, async () => {
    const request = remoteOf(answer).request('GET', '/index.php', { label: 'GET act=plans' });
    await assert.rejects(request, (error) => {
      assert.ok(isFailure(error, 'unauthorized'));
      assert.match(error.message, /^Panel: GET act=plans answered (200|302) with a login page/);
      return true;
    });
  });
}

it('an error page stays an error, whatever it says', async () => {
  const answer = new Response('<p>Log in</p>', { status: 503 });
  await assert.rejects(remoteOf(answer).request('GET', '/'), (error) =>
    isFailure(error, 'unavailable'),
  );
});
