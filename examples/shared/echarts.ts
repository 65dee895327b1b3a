/**
 * The part of Apache ECharts that the demo uses.
 *
 * The main module of the package reads NODE_ENV, which needs a permission. Its bundle has the same code, needs no
 * permission, and loads in an eighth of a second.
 *
 * @module
 */
// @ts-types="npm:echarts@6.1.0"
export { init } from "npm:echarts@6.1.0/dist/echarts.esm.min.mjs";
export type { EChartsOption } from "npm:echarts@6.1.0";
