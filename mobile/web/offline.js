/** Keeps the page for use without its server, once everything is there. */

import { PAGE_FILES } from "./page_files.js";

/**
 * @param {string[]} addresses of the model and of LiteRT.js, as the worker has read them
 * @returns {Promise<boolean>} whether the page works offline now
 */
export async function keepOffline(addresses) {
  if (!navigator.serviceWorker) {
    return false; // private windows of some browsers; the page works all the same, online
  }
  try {
    await navigator.serviceWorker.register("service_worker.js");
    const { active } = await navigator.serviceWorker.ready;
    const own = PAGE_FILES.map((name) => new URL(name, document.baseURI).href);
    return active ? await asked(active, [...own, ...addresses]) : false;
  } catch {
    return false; // storage refused or full
  }
}

/** @param {ServiceWorker} worker @param {string[]} addresses @returns {Promise<boolean>} */
function asked(worker, addresses) {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve("kept" in data);
    worker.postMessage({ addresses }, [port2]);
  });
}
