// @ts-check
/** The samples of the documentation, as they stand there: what readers copy must compile and run. */

import { readdir, readFile } from "node:fs/promises";
import { transform } from "esbuild";

const ROOT = new URL("../../", import.meta.url);

/**
 * @typedef {object} Sample
 * @property {string} where its file and line
 * @property {string} code in TypeScript, of which JavaScript is a part
 */

/** All samples in JavaScript and TypeScript, in order. @returns {Promise<Sample[]>} */
export async function samples() {
  const docs = (await readdir(new URL("docs", ROOT))).filter((file) => file.endsWith(".md")).sort();
  const files = ["README.md", "pkg/README.md", ...docs.map((file) => `docs/${file}`)];
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, ROOT), "utf8")));
  return files.flatMap((file, at) =>
    [...(texts[at] ?? "").matchAll(/^```(?:js|jsx|ts|tsx)\n(.*?)^```$/gms)].map((match) => ({
      where: `${file}:${texts[at]?.slice(0, match.index).split("\n").length}`,
      code: match[1] ?? "",
    })),
  );
}

/** The same without its types. @param {Sample} sample */
export async function javascriptOf({ code }) {
  return (await transform(code, { loader: "ts", format: "esm", target: "es2022" })).code;
}
