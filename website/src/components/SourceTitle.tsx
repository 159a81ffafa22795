/** The path of a file or folder, each step of it a link to the folder that it names. */
import Link from "@docusaurus/Link";

export function SourceTitle({ path }: { readonly path: string }) {
  const parts = path === "" ? [] : path.split("/");
  return (
    <h1 className="source-title">
      {parts.length === 0 ? "Source" : <Link to="/source">source</Link>}
      {parts.map((part, index) => {
        const address = parts.slice(0, index + 1).join("/");
        return (
          <span key={address}>
            {" / "}
            {index === parts.length - 1 ? part : <Link to={`/source/${address}`}>{part}</Link>}
          </span>
        );
      })}
    </h1>
  );
}
