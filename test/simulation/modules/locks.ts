/** Stands in for fs-native-extensions: locks end with the program that holds them. */
import { file } from "../files.ts";

export const tryLock = (fd: number): boolean => file(fd).lock();
