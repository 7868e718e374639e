// A way to a TCP server of this machine that a test can cut, or let go silent: as a network does.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** The way. */
export type TcpGate = AsyncDisposable & {
  /** Connect here instead. */
  readonly port: number;
  /** Ends every connection, both ways, in the middle of whatever it says. */
  cut(): void;
  /** From now on nothing passes on that connection, and nobody is told: not even its end. */
  silence(clientPort: number): void;
};

/** Opens it. @param port Where the server listens on the loopback */
export async function openTcpGate(port: number): Promise<TcpGate> {
  /** By the port that the server sees. */
  const open = new Map<number, { readonly near: Socket; readonly far: Socket }>();
  const gate = createServer({ noDelay: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
      const seen = far.localPort ?? 0;
      open.set(seen, { near, far });
      near.pipe(far).pipe(near);
      far.once('close', () => {
        if (open.delete(seen)) near.destroy();
      });
    });
    near.once('close', () => far.destroy());
    // Cut on purpose, or by whoever ends first.
    near.on('error', () => undefined);
    far.on('error', () => near.destroy());
  });
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  const silent: Socket[] = [];
  const cut = (): void => {
    for (const { near, far } of open.values()) {
      near.destroy();
      far.destroy();
    }
  };
  return {
    port: (gate.address() as AddressInfo).port,
    cut,
    silence(clientPort) {
      const found = open.get(clientPort);
      if (found === undefined) throw new Error(`No connection comes from port ${clientPort}`);
      open.delete(clientPort);
      const { near, far } = found;
      near.unpipe(far);
      far.unpipe(near);
      // Read on, into nowhere: what is full would be noticed.
      near.resume();
      far.resume();
      silent.push(near);
    },
    async [Symbol.asyncDispose]() {
      cut();
      for (const each of silent) each.destroy();
      gate.close();
      await once(gate, 'close');
    },
  };
}
