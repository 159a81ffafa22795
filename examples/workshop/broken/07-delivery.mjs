/** Leases, but named by the file: whoever says its name is believed. */
export function createQueue(names, leaseMs, now) {
  const files = names.map((name) => ({ name, heldUntil: 0 }));
  return {
    lease() {
      const next = files.find((file) => file.heldUntil <= now());
      if (!next) return null;
      next.heldUntil = now() + leaseMs;
      return { file: next.name, token: next.name };
    },
    ack(token) {
      const at = files.findIndex((file) => file.name === token);
      if (at >= 0) files.splice(at, 1);
      return at >= 0;
    },
  };
}
