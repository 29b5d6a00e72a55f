// @ts-check
/** Where it is measured, and what. */

import { createRequire } from "node:module";
import { cpus, release, totalmem, type } from "node:os";
import { ourVersion, SWITCHES, versionOf } from "../bundle.mjs";
import { CLIPS, field } from "../field.mjs";

const [cpu, ...others] = cpus();
const tools = createRequire(new URL("../../../tests/package.json", import.meta.url));
console.log(
  JSON.stringify({
    machine: `${cpu?.model.trim()}, ${others.length + 1} cores, ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}`,
    node: process.versions.node,
    workerd: tools("workerd/package.json").version,
    esbuild: versionOf("esbuild"),
    switches: SWITCHES,
    clips: CLIPS,
    field: field.map(({ file, label, npm, ours }) => ({ file, label, npm, ours, version: npm ? versionOf(npm) : ours ? ourVersion() : undefined })),
  }),
);
