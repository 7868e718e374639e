// What the store keeps of credentials that vendors gave: sealed, so that a restart, a reload and other hosts
// know the stand-ins that an extension has put away.

/** A credential as it is kept. */
export type EarnedRow = {
  /** `category/name/instance` */
  readonly instance: string;
  /** Of its stand-in. */
  readonly id: string;
  /** Its name in the manifest. */
  readonly field: string;
  /** Value and rule, sealed by the vault; see lifecycle/earned-shelf.ts. */
  readonly sealed: string;
  readonly madeMs: number;
  /** null: nobody said when it ends. */
  readonly expiresMs: number | null;
};

/** The part of the store about them. */
export type EarnedStore = {
  /**
   * Keeps one.
   *
   * @param keep How many of an instance stay, the newest; those that have ended go first
   */
  putEarned(
    row: EarnedRow,
    bounds: { readonly nowMs: number; readonly keep: number },
  ): Promise<void>;
  /** Those that have not ended, oldest first. */
  earned(instance: string, nowMs: number): Promise<EarnedRow[]>;
};
