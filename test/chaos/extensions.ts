// The extensions of the run, as their authors would write them.

import { writeExtension } from '../helpers/host-process.ts';

const NOTES = `import { defineOther } from 'cofferdam/sdk';
export default defineOther({
  on: {
    async 'invoice.paid'(event, { fetch }) {
      const body = JSON.stringify({ ...event.data, id: event.id });
      await fetch('https://api.example.com/seen', { method: 'POST', body });
    },
  },
});
`;

const VMS = `import { defineServer } from 'cofferdam/sdk';
export default defineServer({
  async create(service, { fetch, call }) {
    const headers = service.id.startsWith('keyed') ? { 'idempotency-key': call.operationId } : {};
    const body = JSON.stringify({ service: service.id });
    const made = await fetch('https://api.example.com/vms', { method: 'POST', headers, body });
    return { status: 'done', remoteId: (await made.json()).id };
  },
  async suspend() { return { status: 'done' }; },
  async unsuspend() { return { status: 'done' }; },
  async terminate() { return { status: 'done' }; },
});
`;

const PAY = `import { defineGateway } from 'cofferdam/sdk';
export default defineGateway({
  async pay() { return { kind: 'done' }; },
  async webhook(request) {
    const { externalId } = JSON.parse(request.body);
    const money = { amountMinor: 500, currency: 'EUR' };
    return { facts: [{ externalId, kind: 'payment', state: 'succeeded', ...money }] };
  },
});
`;

/** Their names. */
export const EXTENSIONS = ['others/notes', 'servers/vms', 'gateways/pay'] as const;

/** Writes them into a folder. */
export async function writeExtensions(dir: string): Promise<void> {
  const events = { events: ['invoice.paid'] };
  await writeExtension(dir, 'others/notes', { code: NOTES, capabilities: events });
  await writeExtension(dir, 'servers/vms', { code: VMS });
  await writeExtension(dir, 'gateways/pay', { code: PAY, capabilities: { webhook: true } });
}
