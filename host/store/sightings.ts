// What the store keeps of the requests of instances: what was used, refused and asked for, counted; and
// which webhooks were seen before.

/** What requests of one instance did, counted under one key. */
export type SightingRow = {
  /** `category/name/instance` */
  readonly instance: string;
  /** `used`: sent; `denied`: refused by a rule; `asked`: refused by the lock, for an admin to decide. */
  readonly kind: 'used' | 'denied' | 'asked';
  readonly key: string;
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** As it was seen last; plain JSON, no secrets. */
  readonly details: Readonly<Record<string, unknown>>;
};

/** The part of the store about them. */
export type SightingStore = {
  /**
   * Adds counts to the rows that stand, and makes others.
   *
   * @param keep Rows kept for an instance and kind; what is new beyond them is not kept
   */
  addSightings(rows: readonly SightingRow[], keep: number): Promise<void>;
  /** Seen last comes first. */
  sightings(filter: {
    readonly instance?: string;
    readonly kind?: SightingRow['kind'];
  }): Promise<SightingRow[]>;
  /** Removes one, or all of a kind. @returns How many there were */
  removeSightings(
    filter: Pick<SightingRow, 'instance' | 'kind'> & { readonly key?: string },
  ): Promise<number>;
  /**
   * Remembers an id until it expires.
   *
   * @param by Who saw it: the same one may see it again
   * @param bounds.keep Ids that an instance may have remembered at a time
   * @returns `seen` when somebody else saw it before
   */
  seeOnce(
    mark: { readonly instance: string; readonly id: string; readonly by: string },
    bounds: { readonly nowMs: number; readonly expiresMs: number; readonly keep: number },
  ): Promise<'new' | 'seen' | 'full'>;
};
