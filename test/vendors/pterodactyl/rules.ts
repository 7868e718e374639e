// What the panel demands of each request. Source: app/Http/Requests/Api/Application and the
// $validationRules of app/Models in pterodactyl/panel 1.11.

import type { Rules } from '../laravel.ts';

const NAME = 'required|string|min:1|max:191';
const IMAGE = 'required|string|max:191|regex:/^~?[\\w./\\-:@ ]*$/';

/** POST /servers without the rules that depend on `deploy`. */
export const STORE_SERVER: Rules = {
  external_id: 'sometimes|nullable|string|between:1,191|unique:servers',
  name: NAME,
  description: 'nullable|string',
  user: 'required|integer|exists:users,id',
  egg: 'required|exists:eggs,id',
  docker_image: IMAGE,
  startup: 'required|string',
  environment: 'present|array',
  skip_scripts: 'sometimes|boolean',
  oom_disabled: 'sometimes|boolean',
  limits: 'required|array',
  'limits.memory': 'required|numeric|min:0',
  'limits.swap': 'required|numeric|min:-1',
  'limits.disk': 'required|numeric|min:0',
  'limits.io': 'required|numeric|between:10,1000',
  'limits.threads': 'nullable|regex:/^[0-9-,]+$/',
  'limits.cpu': 'required|numeric|min:0',
  feature_limits: 'required|array',
  'feature_limits.databases': 'present|nullable|integer|min:0',
  'feature_limits.allocations': 'sometimes|nullable|integer|min:0',
  'feature_limits.backups': 'present|nullable|integer|min:0',
  start_on_completion: 'sometimes|boolean',
};

/** POST /servers without `deploy`. */
export const STORE_CHOSEN: Rules = {
  'allocation.default': 'required|integer|exists:free',
  'allocation.additional.*': 'integer|exists:free',
};

/** POST /servers with `deploy`. */
export const STORE_DEPLOYED: Rules = {
  deploy: 'sometimes|required|array',
  'deploy.locations': 'present|array',
  'deploy.locations.*': 'integer|min:1',
  'deploy.dedicated_ip': 'required_with:deploy,boolean',
  'deploy.port_range': 'present|array',
  'deploy.port_range.*': 'string',
};

/** PATCH /servers/{id}/build */
export const UPDATE_BUILD: Rules = {
  allocation: 'required|exists:allocations,id',
  oom_disabled: 'sometimes|boolean',
  limits: 'sometimes|array',
  'limits.memory': 'required_with:limits|numeric|min:0',
  'limits.swap': 'required_with:limits|numeric|min:-1',
  'limits.io': 'required_with:limits|numeric|between:10,1000',
  'limits.cpu': 'required_with:limits|numeric|min:0',
  'limits.threads': 'nullable|regex:/^[0-9-,]+$/',
  'limits.disk': 'required_with:limits|numeric|min:0',
  add_allocations: 'array',
  'add_allocations.*': 'integer',
  remove_allocations: 'array',
  'remove_allocations.*': 'integer',
  feature_limits: 'required|array',
  'feature_limits.databases': 'present|nullable|integer|min:0',
  'feature_limits.allocations': 'sometimes|nullable|integer|min:0',
  'feature_limits.backups': 'present|nullable|integer|min:0',
};

/** PATCH /servers/{id}/startup */
export const UPDATE_STARTUP: Rules = {
  startup: 'required|string',
  environment: 'present|array',
  egg: 'required|exists:eggs,id',
  image: IMAGE,
  skip_scripts: 'present|boolean',
};

/** POST /users; PATCH /users/{id} too, where `unique` leaves the user itself out. */
export const STORE_USER: Rules = {
  external_id: 'sometimes|nullable|string|max:191',
  email: 'required|email|between:1,191|unique:users,email',
  username: 'required|between:1,191|unique:users,username|p_username',
  password: 'sometimes|nullable|string',
  language: 'string',
  root_admin: 'boolean',
  first_name: 'required|string|between:1,191',
  last_name: 'required|string|between:1,191',
};

/** GET /nodes/deployable */
export const DEPLOYABLE: Rules = {
  page: 'integer',
  memory: 'required|integer|min:0',
  disk: 'required|integer|min:0',
  location_ids: 'array',
  'location_ids.*': 'integer',
};

/** POST /client/servers/{id}/power */
export const POWER: Rules = { signal: 'required|string|in:start,stop,restart,kill' };

/** app/Rules/Username.php */
export const USERNAME = /^[a-z0-9]([\w.-]+)[a-z0-9]$/;
