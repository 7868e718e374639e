// The console: what an admin does by hand. Talks to the admin API with a token that was typed in, and to
// nothing else.

import { render } from 'preact';

import { App } from './app.tsx';

const root = document.querySelector('#app');
if (root !== null) {
  root.textContent = '';
  render(<App />, root);
}
