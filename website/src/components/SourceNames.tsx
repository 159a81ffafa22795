/** A folder of the repository: its files and folders as links. */
import Link from "@docusaurus/Link";

export function SourceNames({ path, names }: { readonly path: string; readonly names: readonly string[] }) {
  return (
    <ul className="source-names">
      {names.map((name) => (
        <li key={name}>
          <Link to={`/source/${path && `${path}/`}${name.replace(/\/$|\.md$/, "")}`}>{name}</Link>
        </li>
      ))}
    </ul>
  );
}
