import { VideoClient } from "iacrea-video";
import { watch } from "../../common/watch.js";

export const dynamic = "force-dynamic";

export async function GET(request) {
  const { searchParams } = new URL(request.url);
  const client = new VideoClient({ baseUrl: searchParams.get("base"), apiKey: request.headers.get("x-key") });
  return Response.json(await watch(client, searchParams.get("id")));
}
