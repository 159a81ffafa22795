/** A folder of the repository: its files and folders as links. */
import Link from "@docusaurus/Link";
import Layout from "@theme/Layout";
import { SourceTitle } from "./SourceTitle.tsx";

interface Props {
  readonly source: { readonly path: string; readonly names: readonly string[] };
}

export default function SourceFolder({ source: { path, names } }: Props) {
  return (
    <Layout title={path || "Source"} description={`The files of ${path || "Filespool"}.`}>
      <main className="container source-page">
        <SourceTitle path={path} />
        <ul className="source-names">
          {names.map((name) => (
            <li key={name}>
              <Link to={`/source/${path && `${path}/`}${name.replace(/\/$|\.md$/, "")}`}>{name}</Link>
            </li>
          ))}
        </ul>
      </main>
    </Layout>
  );
}
