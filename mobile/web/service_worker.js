/**
 * Makes the page work without its server: keeps the files that a page says it has used, and gives them back where the
 * server does not answer.
 *
 * Files with ?v=<hash> in their address never change: they are taken from here first. All others are asked for at the
 * server first, so that a new export or a new page is seen at the next reload.
 */

"use strict";

const KEPT = "tandem-page-1";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", (event) => event.waitUntil(answered(event)));
self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method === "GET" && address.origin === self.location.origin) {
    event.respondWith(address.searchParams.has("v") ? keptFirst(event.request) : serverFirst(event.request));
  }
});

/** @param {Request} request */
async function keptFirst(request) {
  return (await kept(request)) ?? fetch(request);
}

/** @param {Request} request */
async function serverFirst(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const found = await kept(request);
    if (found) {
      return found;
    }
    throw error;
  }
}

/** @param {Request} request */
async function kept(request) {
  return (await caches.open(KEPT)).match(request.mode === "navigate" ? new URL("./", self.location.href) : request);
}

/** Message {addresses}: keep exactly these. Answers {kept: number} or {error}. @param {any} event */
async function answered(event) {
  try {
    event.ports[0].postMessage({ kept: await keep(event.data.addresses) });
  } catch (error) {
    event.ports[0].postMessage({ error: String(error) });
  }
}

/** Fetches all before it keeps any: never half an old page and half a new one. @param {string[]} addresses */
async function keep(addresses) {
  const cache = await caches.open(KEPT);
  const fresh = await Promise.all(addresses.map(async (address) => [address, await latest(cache, address)]));
  for (const [address, response] of fresh) {
    if (response) {
      await cache.put(address, response);
    }
  }
  for (const request of await cache.keys()) {
    if (!addresses.includes(request.url)) {
      await cache.delete(request);
    }
  }
  return addresses.length;
}

/**
 * The server's response; null for a file that is kept already and cannot change.
 * @param {Cache} cache
 * @param {string} address
 */
async function latest(cache, address) {
  if (new URL(address).searchParams.has("v") && (await cache.match(address))) {
    return null;
  }
  const response = await fetch(address);
  if (!response.ok) {
    throw new Error(`${address}: ${response.status}`);
  }
  return response;
}
