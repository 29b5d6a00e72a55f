/** The one thing that is used of the module that Workers have built in; runtimes before August 2025 lack it. */
declare module "cloudflare:workers" {
  export const waitUntil: ((work: Promise<unknown>) => void) | undefined;
}
