/**
 * State that lives in the address of the page, so that a view can be sent to somebody.
 *
 * Only the browser half: how a state is written as text is each element's own, tested part. Invariant: the first state
 * leaves no trace in the address, and what a stranger put there can only become a state that `decode` accepts.
 */
import { useState } from "react";

export interface Codec<T> {
  readonly encode: (state: T) => string;
  /** Null for what makes no sense. */
  readonly decode: (text: string) => T | null;
}

export function useShared<T>(key: string, first: T, { encode, decode }: Codec<T>): [T, (next: T) => void] {
  const [state, setState] = useState<T>(() => {
    if (typeof window === "undefined") return first;
    const text = new URLSearchParams(window.location.search).get(key);
    return (text !== null && decode(text)) || first;
  });
  const share = (next: T) => {
    setState(next);
    const address = new URL(window.location.href);
    const text = encode(next);
    if (text === encode(first)) address.searchParams.delete(key);
    else address.searchParams.set(key, text);
    window.history.replaceState(window.history.state, "", address);
  };
  return [state, share];
}
