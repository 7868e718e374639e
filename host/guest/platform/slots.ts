// State that belongs to an object and that only the module which made the slots can see. It is kept in the
// object itself: a WeakMap costs each collection a look through its entries, a third of a fetch, and guest
// code can replace the methods that it is used with.

/** Something like a WeakMap whose keys are never forgotten one by one. */
export type Slots<Owner extends object, T> = {
  /** @returns undefined for whatever has none, objects or not */
  get(owner: Owner): T | undefined;
  has(owner: unknown): boolean;
  set(owner: Owner, value: T): void;
};

// A class whose parent returns an object adds its private fields to that object.
const Given = function given(owner: object): object {
  return owner;
} as unknown as new (owner: object) => object;

/** Makes a slot that any object can have. */
export function createSlots<Owner extends object, T>(): Slots<Owner, T> {
  class Slot extends Given {
    #value: T;

    constructor(owner: Owner, value: T) {
      super(owner);
      this.#value = value;
    }

    static has(owner: unknown): owner is Slot {
      const isObject = typeof owner === 'object' || typeof owner === 'function';
      return isObject && owner !== null && #value in owner;
    }

    static get(owner: unknown): T | undefined {
      return Slot.has(owner) ? owner.#value : undefined;
    }

    static set(owner: Owner, value: T): Slot {
      if (!Slot.has(owner)) return new Slot(owner, value);
      owner.#value = value;
      return owner;
    }
  }
  return {
    get: (owner) => Slot.get(owner),
    has: (owner) => Slot.has(owner),
    set: (owner, value) => void Slot.set(owner, value),
  };
}
