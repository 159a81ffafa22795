/**
 * The stand-in for server.tsx in the browser: nothing, since the page already holds what that one rendered.
 *
 * Invariant: this imports no element, or every page would load them all.
 */
export const firstLook = (_name: string, _props: object): string => "";
