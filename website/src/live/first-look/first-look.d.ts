/** The alias that plugins/first-look.ts sets: server.tsx while the site is built, browser.ts in the browser. */
declare module "@first-look" {
  export const firstLook: (name: import("../elements.ts").ElementName, props: object) => string;
}
