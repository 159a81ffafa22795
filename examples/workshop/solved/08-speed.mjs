/** Group commit: whoever comes while a sync is under way shares the next one. */
export function createStore(disk) {
  let underWay = null;
  let next = null;
  const syncAfter = async (before) => {
    await before; // null waits for the end of this turn only
    next = null; // whoever comes from here on is too late for this one
    underWay = disk.sync();
    await underWay;
    if (next === null) underWay = null;
  };
  return (name) => {
    disk.write(name);
    next ??= syncAfter(underWay);
    return next;
  };
}
