/** The file itself knows how far it is: it is as long as what arrived. */
export function createServer(disk) {
  return {
    offer: () => disk.text.length,
    data(at, bytes) {
      disk.write(at, bytes);
    },
  };
}
