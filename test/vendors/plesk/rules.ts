// What Plesk takes, written here for checkouts without the shared description: the operations that are
// used, with their fields. plesk.test.ts holds it against Plesk's own description where that is present.

import type { OpenApi } from '../openapi.ts';

const text = { type: 'string' };
const integer = { type: 'integer' };
const object = (properties: object, required: readonly string[] = []): object => ({
  type: 'object',
  properties,
  required,
});
const body = (schema: object): object => ({
  requestBody: { required: true, content: { 'application/json': { schema } } },
});
const byId = {
  parameters: [{ name: 'id', in: 'path', required: true, schema: integer }],
};
const client = {
  name: text,
  company: text,
  login: text,
  status: integer,
  email: text,
  external_id: text,
  description: text,
  password: text,
};

/** The description written here. */
export const RULES: OpenApi = {
  paths: {
    '/server': { get: {} },
    '/server/ips': { get: {} },
    '/cli/commands': { get: {} },
    '/cli/{id}/call': {
      post: {
        parameters: [{ name: 'id', in: 'path', required: true, schema: text }],
        ...body(object({ params: { type: 'array', items: text }, env: { type: 'object' } })),
      },
    },
    '/clients': {
      get: {},
      post: body(
        object({ ...client, type: { type: 'string', enum: ['reseller', 'customer', 'admin'] } }, [
          'name',
          'login',
          'password',
          'email',
          'type',
        ]),
      ),
    },
    '/clients/{id}': { get: byId, put: { ...byId, ...body(object(client)) }, delete: byId },
    '/clients/{id}/domains': { get: byId },
    '/domains': {
      get: { parameters: [{ name: 'name', in: 'query', schema: text }] },
      post: body(
        object({
          name: text,
          hosting_type: { type: 'string', enum: ['virtual', 'none'] },
          hosting_settings: { type: 'object' },
          owner_client: object({ id: integer, login: text, guid: text, external_id: text }, [
            'id',
            'login',
            'guid',
            'external_id',
          ]),
          ip_addresses: { type: 'array', items: text },
          plan: object({ name: text }, ['name']),
        }),
      ),
    },
    '/domains/{id}': { get: byId, delete: byId },
    '/domains/{id}/client': { get: byId },
    '/domains/{id}/status': {
      get: byId,
      put: {
        ...byId,
        ...body(
          object({ status: { type: 'string', enum: ['active', 'suspended', 'disabled'] } }, [
            'status',
          ]),
        ),
      },
    },
  },
};
