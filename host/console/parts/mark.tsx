// The mark: a dry box below the water line.

import type { VNode } from 'preact';

/** The mark, in the colour of its text. */
export function Mark(): VNode {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
      <path d="M7 4v16h10V4" stroke-linejoin="round" />
      <path d="M1 10c1.5-1.3 3-1.3 4.500 0M18.500 10c1.500-1.300 3-1.300 4.500 0M1 15c1.500-1.300 3-1.300 4.500 0M18.500 15c1.500-1.300 3-1.300 4.500 0" />
    </svg>
  );
}
