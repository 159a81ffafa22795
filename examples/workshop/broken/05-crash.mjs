/** Write to a temporary name, rename, answer. Half of it is right, which is why it is so common. */
export async function store(disk, name, text, say) {
  disk.write(`${name}.part`, text);
  disk.rename(`${name}.part`, name);
  disk.syncFolder();
  say("stored");
}
