/** The part of fs-native-extensions that we use; the package ships no types. */
declare module "fs-native-extensions" {
  /**
   * Takes an exclusive lock on an open file (fcntl OFD lock, flock, LockFileEx); closing it lets
   * go. False when somebody has it.
   */
  export function tryLock(fd: number): boolean;
}
