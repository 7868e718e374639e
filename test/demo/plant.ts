// Errors that are planted into a month on purpose, each once: the comparison at the end must name it.

/** `webhook`: a vendor's message is lost. `money`: a vendor takes a cent more. `server`: a panel loses a service. `reward`: an event is lost. */
export const PLANTS = ['webhook', 'money', 'server', 'reward'] as const;

/** One of them. */
export type PlantName = (typeof PLANTS)[number];

/** Whether this error is to be made here and now; true once at most for each. */
export type Plant = (name: PlantName) => boolean;

/** @param names What is planted; nothing for a month that must agree */
export function createPlant(names: readonly PlantName[]): Plant {
  const left = new Set(names);
  return (name) => left.delete(name);
}
