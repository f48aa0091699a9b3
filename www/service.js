// @ts-check
/** The address at which earlier pages registered the service worker. Browsers look for its updates here. */
/** @type {any} */ (self).importScripts('./service-worker.js');
