import { readFile } from "node:fs/promises";
import { VideoClient } from "iacrea-video/slim";
import { watch } from "./common/watch.js";

const wasm = await readFile(new URL(import.meta.resolve("iacrea-video/iacrea-video.wasm")));
const { API_BASE, VIDEO_ID, IACREA_API_KEY } = process.env;
console.log(JSON.stringify(await watch(new VideoClient({ wasm, baseUrl: API_BASE, apiKey: IACREA_API_KEY }), VIDEO_ID)));
