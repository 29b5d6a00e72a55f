/**
 * Gives `self` each method and getter of `prototype` as a property of its own that keeps `self` as its `this`. Methods
 * then work when they are destructured or handed on (`return poll.cancel`), and both work behind a Proxy, as Vue, Alpine
 * and MobX put one around what they are given: it calls them with itself as `this`, and has none of the private fields.
 * They are not enumerable, so that what prints an object shows its data alone.
 */
export function bind(self: object, prototype: object): void {
  for (const name of Reflect.ownKeys(prototype)) {
    if (name === "constructor") continue;
    const get = Object.getOwnPropertyDescriptor(prototype, name)?.get;
    // Looked up on `self`, for a subclass may have a method of its own.
    const own = get ? { get: get.bind(self) } : { value: (self as Record<PropertyKey, () => unknown>)[name]!.bind(self), writable: true };
    Object.defineProperty(self, name, { ...own, configurable: true });
  }
}
