/** Each lease has a token of its own. Only the newest token of a file settles it: a fencing token. */
export function createQueue(names, leaseMs, now) {
  const files = names.map((name) => ({ name, heldUntil: 0, token: "" }));
  let granted = 0;
  return {
    lease() {
      const next = files.find((file) => file.heldUntil <= now());
      if (!next) return null;
      next.heldUntil = now() + leaseMs;
      next.token = `delivery-${++granted}`;
      return { file: next.name, token: next.token };
    },
    ack(token) {
      const at = files.findIndex((file) => file.token === token);
      if (at >= 0) files.splice(at, 1);
      return at >= 0;
    },
  };
}
