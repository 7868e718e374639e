// What the host tells of itself as it happens: on GET /stream, in its log, in its metrics.

/** Something that changed; what `GET /stream` carries. */
export type StateChange = {
  readonly at: string;
  readonly type:
    | 'extension.added'
    | 'extension.changed'
    | 'extension.removed'
    | 'extension.build-failed'
    | 'instance.state'
    | 'instance.config'
    | 'instance.reloaded'
    | 'instance.rolled-back'
    | 'instance.recycled'
    | 'instance.struck'
    | 'instance.quarantined'
    | 'instance.released'
    | 'egress.asked'
    | 'cell.started'
    | 'cell.killed'
    | 'call.finished'
    | 'fact.recorded'
    | 'delivery.dead';
  readonly subject: string;
  readonly data: Readonly<Record<string, unknown>>;
};
