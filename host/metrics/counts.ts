// Counting without cost: plain numbers in place, turned into prom-client's series only when somebody reads.

import { Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

/** How often a value fell under each bound, and the sum of all values. */
export class Buckets {
  readonly #bounds: readonly number[];
  /** One more than there are bounds: the last is everything above them. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  add(value: number): void {
    let at = 0;
    // A dozen numbers: walking them is quicker than anything cleverer.
    for (const bound of this.#bounds) {
      if (value <= bound) break;
      at += 1;
    }
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += value;
  }
}

/** The buckets of one combination of labels. */
export type Labelled = { readonly labels: Readonly<Record<string, string>>; readonly of: Buckets };

type Shape = {
  readonly name: string;
  readonly help: string;
  readonly bounds: readonly number[];
  readonly labelNames: readonly string[];
  /** Asked at every scrape. */
  readonly read: () => Iterable<Labelled>;
  /** What one counted unit is in the unit of the name: 0.001 for milliseconds shown as seconds. */
  readonly scale: number;
};

/** A histogram whose numbers are counted elsewhere, by `Buckets`. */
class ReadHistogram extends Histogram {
  readonly #shape: Shape;

  constructor(shape: Shape, registry: Registry) {
    const { name, help, labelNames } = shape;
    super({ name, help, labelNames: [...labelNames], registers: [registry] });
    this.#shape = shape;
  }

  /** What a registry asks a histogram for in place of `get`; prom-client's types do not tell of it. */
  getForPromString(): object {
    const { name, help, read, bounds, scale } = this.#shape;
    const values: object[] = [];
    for (const { labels, of } of read()) {
      let below = 0;
      for (const [at, count] of of.counts.entries()) {
        below += count;
        const bound = bounds[at];
        const le = bound === undefined ? '+Inf' : bound * scale;
        values.push({ labels: { ...labels, le }, value: below, metricName: `${name}_bucket` });
      }
      values.push({ labels, value: of.sum * scale, metricName: `${name}_sum` });
      values.push({ labels, value: below, metricName: `${name}_count` });
    }
    return { name, help, type: 'histogram', values };
  }
}

/** Adds a histogram to a registry that reads its numbers when it is read. */
export function addHistogram(registry: Registry, shape: Shape): void {
  void new ReadHistogram(shape, registry);
}
