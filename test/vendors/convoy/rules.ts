// What the panel demands of each request. Source: app/Http/Requests/Admin and the $validationRules of
// app/Models in ConvoyPanel/panel 4.6; sizes are bytes.

import type { Rules } from '../laravel.ts';

const LIMIT = 'present|nullable|integer|min:0';

/** POST /servers */
export const STORE_SERVER: Rules = {
  name: 'required|string|min:1|max:40',
  user_id: 'required|integer|exists:users,id',
  node_id: 'required|integer|exists:nodes,id',
  vmid: 'present|nullable|numeric|min:100|max:999999999',
  hostname: 'required|string|min:1|max:191',
  limits: 'required|array',
  'limits.cpu': 'required|numeric|min:1',
  'limits.memory': 'required|numeric|min:16777216',
  'limits.disk': 'required|numeric|min:1',
  'limits.snapshots': LIMIT,
  'limits.backups': LIMIT,
  'limits.bandwidth': LIMIT,
  'limits.address_ids': 'sometimes|nullable|array',
  'limits.address_ids.*': 'integer|exists:ip_addresses,id',
  account_password: 'required_if:should_create_server,1|string|min:8|max:191|password|us_keyboard',
  should_create_server: 'present|boolean',
  template_uuid: 'required_if:create_server,1|string|exists:templates,uuid',
  start_on_completion: 'present|boolean',
};

/** PATCH /servers/{uuid}/settings/build */
export const UPDATE_BUILD: Rules = {
  cpu: 'required|numeric|min:1',
  memory: 'required|numeric|min:16777216',
  disk: 'required|numeric|min:1',
  address_ids: 'present|nullable|array',
  'address_ids.*': 'integer|exists:ip_addresses,id',
  snapshot_limit: LIMIT,
  backup_limit: LIMIT,
  bandwidth_limit: LIMIT,
  bandwidth_usage: 'sometimes|numeric|min:0',
};

/** PATCH /servers/{uuid} */
export const UPDATE_INFO: Rules = {
  name: 'sometimes|string|min:1|max:40',
  hostname: 'sometimes|string|min:1|max:191',
  user_id: 'sometimes|integer|exists:users,id',
  vmid: 'sometimes|numeric|min:100|max:999999999',
  status:
    'sometimes|nullable|string|in:installing,install_failed,suspended,restoring_backup,restoring_snapshot,deleting,deletion_failed',
};

/** POST /users */
export const STORE_USER: Rules = {
  name: 'required|string|between:1,191',
  email: 'required|email|between:1,191|unique:users,email',
  password: 'required|string|min:8',
  root_admin: 'boolean',
};

/** PATCH /users/{id} */
export const UPDATE_USER: Rules = { ...STORE_USER, password: 'nullable|string|min:8' };

/** app/Rules/Password.php */
export const PASSWORD = /^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])(?=.*[!@#$%^&*])(?=.{8,})/;
/** app/Rules/USKeyboardCharacters.php */
// eslint-disable-next-line no-control-regex -- the panel's own class ends in DEL
export const US_KEYBOARD = /^[\x20-\x7F]*$/;
