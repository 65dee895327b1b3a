/** Published values of rFaaS and of the systems that its authors compared it with, over RDMA on their cluster. */

/** The origin of all values in this file. */
export const PUBLISHED_SOURCE =
  "Published values: Copik, Taranov, Calotoiu, Hoefler, rFaaS, IPDPS 2023 (arXiv 2106.13859), and " +
  "the authors' pages. They were measured over RDMA on the authors' cluster: other hardware.";

/** A round trip of a function that does nothing, with 1 kB. */
export const PUBLISHED_BYTES = 1024;
export const PUBLISHED_ROUND_TRIPS = [
  { name: "rFaaS hot", us: 5.3 },
  { name: "rFaaS warm", us: 9.3 },
  { name: "Nightcore", us: 149 },
  { name: "AWS Lambda", us: 19_600 },
  { name: "OpenWhisk", us: 119_000 },
] as const;

/** What a hot call adds to the bare transfer of the network, at most. */
export const PUBLISHED_OVERHEAD_US = 0.35;

/** The bandwidth of a payload of 5 MB. */
export const PUBLISHED_BANDWIDTH = { bytes: 5 * 2 ** 20, gigabytes: 12 } as const;

/** A cold start in a container, at most. */
export const PUBLISHED_COLD_START_US = 2_500_000;

/** How many times as fast a program became with half of its work offloaded: from, to. */
export const PUBLISHED_SPEEDUPS = {
  "matrix product": [1.9, 1.9],
  "Jacobi": [1.7, 2.2],
} as const satisfies Record<string, readonly [number, number]>;
