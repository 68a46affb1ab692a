/** Sessions of this program that have not been stopped: whoever ends the program ends their queries too. */
interface OpenSession {
  stop(): Promise<void>;
}

const open = new Set<OpenSession>();

export function sessionOpened(session: OpenSession): void {
  open.add(session);
}

export function sessionClosed(session: OpenSession): void {
  open.delete(session);
}

/** Stops them all; what fails or takes longer than `limitMs` is left to the server. */
export async function stopOpenSessions(limitMs: number): Promise<void> {
  const stopped = Promise.allSettled([...open].map((session) => session.stop()));
  const timeUp = new Promise<void>((resolve) => setTimeout(resolve, limitMs).unref());
  await Promise.race([stopped, timeUp]);
}
