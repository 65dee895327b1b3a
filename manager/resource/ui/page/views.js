/** The views, by the name that the address has. */
import { Bills } from "./bills.js";
import { Events } from "./events.js";
import { Leases } from "./leases.js";
import { Load } from "./load.js";
import { Queue } from "./queue.js";
import { Starts } from "./starts.js";
import { Topology } from "./topology.js";

/** @typedef {keyof typeof VIEWS} ViewName */

export const VIEWS = {
  cluster: { title: "Cluster", View: Topology },
  leases: { title: "Leases", View: Leases },
  queue: { title: "Queue", View: Queue },
  starts: { title: "Starts", View: Starts },
  events: { title: "Events", View: Events },
  load: { title: "Load", View: Load },
  bills: { title: "Bills", View: Bills },
};

/** @param {string} hash of the address @returns {ViewName} */
export function viewNamed(hash) {
  const name = hash.slice(1);
  return name in VIEWS ? /** @type {ViewName} */ (name) : "cluster";
}
