/** Only what was synced and written down counts. What lies behind it is cut off: nobody vouches for it. */
export function createServer(disk) {
  return {
    offer() {
      const durable = disk.note ?? 0;
      disk.truncate(durable);
      return durable;
    },
    data(at, bytes) {
      disk.write(at, bytes);
      disk.sync(); // 1. the bytes are on disk
      disk.record(at + bytes.length); // 2. only then does the record say so
    },
  };
}
