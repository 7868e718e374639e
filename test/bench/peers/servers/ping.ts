// Sends back what comes in on fd 3: what a round trip between two Node processes costs by itself.

import { Socket } from 'node:net';

const pipe = new Socket({ fd: 3, readable: true, writable: true });
pipe.on('data', (bytes: Buffer) => pipe.write(bytes));
