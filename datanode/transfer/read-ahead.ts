/** Asks for the next item while the last one is being used, so that disk and network work at the same time. */
export async function* readAhead<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  let next = settle(iterator.next());
  try {
    for (;;) {
      const result = (await next)();
      if (result.done === true) return;
      next = settle(iterator.next());
      yield result.value;
    }
  } finally {
    await next;
    await iterator.return?.();
  }
}

/** A promise that never rejects: its value returns or throws the outcome. An item nobody takes any more is then no unhandled rejection. */
function settle<T>(promise: Promise<T>): Promise<() => T> {
  return promise.then(
    (value) => () => value,
    (thrown: unknown) => () => {
      throw thrown;
    },
  );
}
