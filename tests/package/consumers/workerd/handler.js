// A Worker that waits for the video that it is asked about.
export function handler(VideoClient, watch) {
  return {
    async fetch(request) {
      const { searchParams } = new URL(request.url);
      const client = new VideoClient({ baseUrl: searchParams.get("base"), apiKey: request.headers.get("x-key") });
      try {
        return Response.json(await watch(client, searchParams.get("id")));
      } catch (error) {
        return Response.json({ error: { name: error.name, code: error.code, message: error.message, stack: error.stack } });
      }
    },
  };
}
