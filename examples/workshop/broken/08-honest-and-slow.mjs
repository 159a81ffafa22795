/** True, and as slow as it can be: one sync for each file. */
export function createStore(disk) {
  return async (name) => {
    disk.write(name);
    await disk.sync();
  };
}
