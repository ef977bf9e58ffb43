/** Keeps the page for use without its server, once everything is there. */

const OWN = ["./", "worker.js"];

/**
 * @param {string[]} addresses that the worker has read
 * @returns {Promise<boolean>} whether the page works offline now
 */
export async function keepOffline(addresses) {
  if (!navigator.serviceWorker) {
    return false; // private windows of some browsers; the page works all the same, online
  }
  try {
    await navigator.serviceWorker.register("service_worker.js");
    const { active } = await navigator.serviceWorker.ready;
    return active ? await asked(active, everything(addresses)) : false;
  } catch {
    return false; // storage refused or full
  }
}

/** @param {string[]} addresses */
function everything(addresses) {
  const read = performance.getEntriesByType("resource").map((entry) => entry.name);
  const whole = [...OWN.map((name) => new URL(name, document.baseURI).href), ...read, ...addresses];
  return [...new Set(whole)].filter((address) => address.startsWith(location.origin));
}

/** @param {ServiceWorker} worker @param {string[]} addresses @returns {Promise<boolean>} */
function asked(worker, addresses) {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve("kept" in data);
    worker.postMessage({ addresses }, [port2]);
  });
}
