// Numbers of the bench: rounds in turns, medians, spread. A ratio is made round by round, so that what
// slows the machine down slows both sides of it.

/** One line of the table. */
export type Result = {
  readonly what: string;
  /** What is counted, such as `×`, `ms` or `MB`. */
  readonly unit: string;
  /** The bound of design §8. */
  readonly target: { readonly atLeast?: number; readonly atMost?: number } | undefined;
  /** One value per round. */
  readonly values: readonly number[];
  /** Absolute numbers behind a ratio, with their unit. */
  readonly note?: string;
};

/** How long and how often; `quick` is for a look, not for the README. */
export type Effort = { readonly rounds: number; readonly scale: number };

export const FULL: Effort = { rounds: 7, scale: 1 };
export const QUICK: Effort = { rounds: 3, scale: 0.4 };

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which `share` of all lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Runs every side once per round, each round in another order. */
export async function inTurns<Name extends string>(
  rounds: number,
  sides: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(sides) as Name[];
  const taken = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    Name,
    number[]
  >;
  for (let round = 0; round < rounds; round += 1) {
    const order = names.map((_, at) => names[(at + round) % names.length] as Name);
    for (const name of order) taken[name].push(await sides[name]());
  }
  return taken;
}

/** Ours over theirs, round by round. */
export function divide(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, at) => value / (theirs[at] ?? Number.NaN));
}

/** Runs of `run` per second with `inFlight` of them at a time. */
export async function flood(
  run: () => Promise<unknown>,
  { inFlight, durationMs }: { readonly inFlight: number; readonly durationMs: number },
): Promise<number> {
  let count = 0;
  const started = performance.now();
  const loops = Array.from({ length: inFlight }, async () => {
    while (performance.now() - started < durationMs) {
      await run();
      count += 1;
    }
  });
  await Promise.all(loops);
  return count / ((performance.now() - started) / 1_000);
}

/** Milliseconds that `run` took. */
export async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

export function isMet({ target, values }: Result): boolean | undefined {
  const value = median(values);
  if (target === undefined) return undefined;
  if (target.atLeast !== undefined) return value >= target.atLeast;
  return value <= (target.atMost ?? Number.POSITIVE_INFINITY);
}

/** A number with three digits that count. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toPrecision(Math.abs(value) < 0.01 ? 1 : Math.abs(value) < 1 ? 2 : 3);
}
