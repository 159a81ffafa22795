/** The bytes, then the name, then the word. */
export async function store(disk, name, text, say) {
  disk.write(`${name}.part`, text);
  disk.sync(`${name}.part`); // 1. the bytes are on disk
  disk.rename(`${name}.part`, name);
  disk.syncFolder(); // 2. and so is the name under which they are found
  say("stored"); // 3. only then say so
}
