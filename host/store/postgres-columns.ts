// The columns that this version knows of each table. Whatever gives rows names them: a prepared statement
// whose rows have come to look otherwise, as when a newer host adds a column, is refused by the server.

/** In the order in which they are written. */
export const COLUMNS = {
  instances:
    'category, name, instance, enabled, trusted, pinned, config, config_version, grants, asked, installed_version',
  config_history: 'category, name, instance, version, config, actor, at',
  grant_history: 'category, name, instance, sequence, action, actor, at, grants, added, removed',
  generations: 'category, name, generation, version, at, manifest, description, bundle',
  archives: 'category, name, sha256, at, archive',
  tokens: 'id, name, role, hash, created_at, expires_at, scope, requests_per_minute',
  audit: 'id, at, actor, role, action, subject, outcome, details',
  operations: 'instance, key, call_id, handler, input_hash, started_at, state, outcome',
  deliveries: `seq, id, kind, target, subject, type, dedupe, payload, state, attempt, due_ms, created_ms,
    ended_ms, error`,
  facts: `instance, external_id, seq, kind, said_state, state, amount_minor, currency, invoice_id, fee_minor,
    related_external_id, refunded_minor, matched, problem, first_ms, changed_ms`,
  payment_asks: 'invoice_id, instance, at_ms, amount_minor, currency',
  calls: 'call_id, instance, handler, actor, state, started_ms, replay_of, receipt, error, sealed',
  effects: 'call_id, sequence, instance, request, reply',
  sightings: 'instance, kind, key, count, first_ms, last_ms, details',
  earned: 'instance, id, field, sealed, made_ms, expires_ms',
} as const;
