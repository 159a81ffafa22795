/**
 * The place of a live element in a page: its picture at first, the element itself once it is near the window.
 *
 * Without JavaScript the picture stays, and so it does when the element cannot be loaded. Invariant: both take the same
 * room, because the picture was drawn by the element. Knows nothing of what any of them does.
 */
import { firstLook } from "@first-look";
import { type ComponentType, useEffect, useRef, useState } from "react";
import { ELEMENTS, type ElementName } from "./elements.ts";
import styles from "./live.module.css";

/** Loaded when so near: on a usual page it is there before the reader is. */
const NEAR = "400px";

export function Island({ name, props, label }: { name: ElementName; props: object; label: string }) {
  const place = useRef<HTMLElement>(null);
  const [Element, setElement] = useState<ComponentType<object> | null>(null);
  const [isLost, setLost] = useState(false);
  // In the browser this is empty, and React leaves the picture that is there alone only as long as the object is the same.
  const [still] = useState(() => ({ __html: firstLook(name, props) }));

  useEffect(() => {
    let isHere = true;
    const load = () =>
      ELEMENTS[name]().then(
        (component) => isHere && setElement(() => component as ComponentType<object>),
        () => isHere && setLost(true),
      );
    const watcher = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        watcher.disconnect();
        void load();
      },
      { rootMargin: NEAR },
    );
    if (place.current) watcher.observe(place.current);
    return () => {
      isHere = false;
      watcher.disconnect();
    };
  }, [name]);

  return (
    <section
      ref={place}
      className={styles.live}
      aria-label={label}
      data-live={name}
      data-state={Element ? "live" : "still"}
    >
      {Element ? (
        <Element {...props} />
      ) : (
        <div suppressHydrationWarning className={styles.still} dangerouslySetInnerHTML={still} />
      )}
      {isLost && (
        <p className={styles.note}>The program behind this picture could not be loaded; try to load the page again.</p>
      )}
      <noscript>
        <p className={styles.note}>
          This is a picture of how it starts. With JavaScript it runs the real protocol here in the page.
        </p>
      </noscript>
    </section>
  );
}
