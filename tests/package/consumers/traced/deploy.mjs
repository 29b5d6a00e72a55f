// Copies what the programs need, by the trace of their files, as hosts of functions do.
import { cp } from "node:fs/promises";
import { nodeFileTrace } from "@vercel/nft";

const { fileList } = await nodeFileTrace(["common/program.mjs", "common/program.cjs"]);
for (const file of fileList) await cp(file, `dist/${file}`);
