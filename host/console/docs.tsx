// The reference of the API, made from /openapi.json in the browser. Asks for nothing else.

import { render } from 'preact';

import { Reference } from './docs/reference.tsx';

const root = document.querySelector('#app');
if (root !== null) render(<Reference />, root);
