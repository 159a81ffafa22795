/** One number, the next byte that is missing. Each chunk says where it starts. */
export function createTaker(disk, size) {
  let next = 0;
  return {
    take(offset, bytes) {
      if (offset > next) throw new Error(`bytes ${next} to ${offset - 1} are missing`);
      if (offset + bytes.length > size) throw new Error(`bytes beyond the end of ${size}`);
      let rest = bytes.subarray(Math.min(next - offset, bytes.length));
      while (rest.length > 0) {
        const taken = disk.write(rest, next); // the return value is the only truth about how much
        next += taken;
        rest = rest.subarray(taken);
      }
    },
    isComplete: () => next === size,
  };
}
